"""Addresses of pages and pictures, all in one form."""

from pathlib import PurePosixPath
from urllib.parse import urldefrag, urljoin, urlsplit

from requests import PreparedRequest, RequestException

from cinegan_jax.collect.failure import Failure
from cinegan_jax.collect.picture_file import SUFFIXES
from cinegan_jax.photos.kinds import SUFFIXES_BY_KIND

_KEPT_SUFFIXES = [suffix for kind in SUFFIXES for suffix in SUFFIXES_BY_KIND[kind]]
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def normalised(address: str, base: str = "") -> str:
    """An address in full, in ASCII and without its fragment, so that equal ones are equal text.

    Args:
      address: absolute, or seen from `base`.

    Raises:
      Failure: it is none, holds a password, or is not fetched by HTTP, such as `file:` and `data:`.
    """
    try:
        full = urldefrag(urljoin(base, address.strip())).url
        parts = urlsplit(full)
        if parts.scheme not in _DEFAULT_PORTS:
            raise Failure(f"{full[:80]!r} is no address that begins with http:// or https://")
        if parts.username is not None:
            raise Failure(f"the address on {parts.hostname} holds a user name or password")
        request = PreparedRequest()
        request.prepare_url(full, None)
        full = request.url or full
        (urlsplit(full).hostname or "").encode("idna")  # its parts may be too long, or empty
    except (ValueError, RequestException) as error:
        raise Failure(f"{address[:80]!r} is no address: {error}") from error
    return _without_default_port(full)


def host_of(address: str) -> str:
    """The host of an address, with its port where that is no default."""
    return urlsplit(address).netloc


def is_picture_address(address: str) -> bool:
    """Whether an address ends like a picture file that is kept."""
    try:
        path = urlsplit(address).path
    except ValueError:  # it is no address
        return False
    return PurePosixPath(path).suffix.lower() in _KEPT_SUFFIXES


def _without_default_port(address: str) -> str:
    parts = urlsplit(address)
    port = _DEFAULT_PORTS[parts.scheme]
    return parts._replace(netloc=parts.netloc.removesuffix(port)).geturl()
