"""Keeps public pages from sending this program into a private network."""

import functools
import ipaddress
import socket
from urllib.parse import urlsplit

from cinegan_jax.collect.failure import Failure


def require_no_trespass(origin: str, address: str) -> None:
    """Refuses an address on a private network that a host on the public one leads to.

    Names are looked up right before the request; a private address that a user gives is the
    user's own choice, and what it leads to as well.

    Args:
      origin: the address that the user gave, or the page that names the picture.
      address: what it leads to, by a link or by redirection.

    Raises:
      Failure: `origin` is public and `address` is not.
    """
    come_from, go_to = (urlsplit(each).hostname or "" for each in (origin, address))
    if come_from != go_to and not all(_are_private(come_from)) and any(_are_private(go_to)):
        raise Failure(f"{come_from} leads to {go_to}, which lies in a private network")


@functools.lru_cache(maxsize=4096)
def _are_private(host: str) -> tuple[bool, ...]:
    """Of each network address of a host, whether it is private, loopback or the like."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (False,)  # the request fails by itself, or a proxy knows the name
    return tuple(not _is_global(str(place[4][0])) for place in found)


def _is_global(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_global
