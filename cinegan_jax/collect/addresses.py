"""Addresses: their normal form, the guard of private networks, and why an address fails."""

import functools
import ipaddress
import socket
from pathlib import PurePosixPath
from urllib.parse import urldefrag, urljoin, urlsplit

from requests import PreparedRequest, RequestException

from cinegan_jax.photos.kinds import SUFFIXES_BY_KIND

KEPT_FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
"""Image formats that are kept, and the suffixes of their files in a collection."""

_KEPT_SUFFIXES = [suffix for kind in KEPT_FORMATS for suffix in SUFFIXES_BY_KIND[kind]]
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Failure(Exception):
    """The address yields nothing and will not by itself; the text gives the reason."""


class TransientFailure(Failure):
    """The same request may succeed later.

    Attributes:
      host: the host that failed.
      retry_after: seconds to wait, where the server gives them.
    """

    def __init__(self, reason: str, host: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.host, self.retry_after = host, retry_after


class RangeRefused(TransientFailure):
    """The server does not serve the requested byte range; it may serve the whole file."""


def reason_of(error: Exception) -> str:
    """Return the reason to record for an exception, which may be one that the code does not expect.

    One address must not end the command.
    """
    if isinstance(error, Failure):
        return str(error)
    return f"unexpected error, please report it: {type(error).__name__}: {error}"


def normalised(address: str, base: str = "") -> str:
    """Return the absolute address in ASCII without its fragment, so equal ones are equal text.

    Args:
      address: absolute, or relative to `base`.

    Raises:
      Failure: it is malformed, contains a password, or is not HTTP, such as `file:` and `data:`.
    """
    try:
        full = urldefrag(urljoin(base, address.strip())).url
        parts = urlsplit(full)
        if parts.scheme not in _DEFAULT_PORTS:
            raise Failure(
                f"{full[:80]!r} is not an address: it must begin with http:// or https://"
            )
        if parts.username is not None:
            raise Failure(f"the address on {parts.hostname} contains a user name or password")
        request = PreparedRequest()
        request.prepare_url(full, None)
        full = request.url or full
        (urlsplit(full).hostname or "").encode("idna")  # refuses labels that are empty or too long
    except (ValueError, RequestException) as error:
        raise Failure(f"{address[:80]!r} is not an address: {error}") from error
    parts = urlsplit(full)
    return parts._replace(netloc=parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])).geturl()


def host_of(address: str) -> str:
    """Return the host of an address, with the port unless it is the default."""
    return urlsplit(address).netloc


def is_image_address(address: str) -> bool:
    """Return True if the path has the suffix of an image format that is kept."""
    try:
        path = urlsplit(address).path
    except ValueError:  # malformed
        return False
    return PurePosixPath(path).suffix.lower() in _KEPT_SUFFIXES


def refuse_private_target(origin: str, address: str) -> None:
    """Refuse an address in a private network that a public host leads to.

    Names are resolved right before the request. A user may name a private address, and a private
    host may lead to any other.

    Args:
      origin: the address that the user gave, or the page that names the image.
      address: the target of a link or redirection.

    Raises:
      Failure: `origin` is public and `address` is private.
    """
    source, target = (urlsplit(each).hostname or "" for each in (origin, address))
    if source != target and not all(_are_private(source)) and any(_are_private(target)):
        raise Failure(f"{source} leads to {target}, which is in a private network")


@functools.lru_cache(maxsize=4096)
def _are_private(host: str) -> tuple[bool, ...]:
    """Return for each IP address of a host whether it is private, loopback or link-local."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (False,)  # the request itself fails, or a proxy resolves the name
    return tuple(not _is_global(str(entry[4][0])) for entry in found)


def _is_global(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_global
