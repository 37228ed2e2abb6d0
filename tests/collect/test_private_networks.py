"""The guard against links from public to private hosts."""

import socket
from collections.abc import Iterator

import pytest

from cinegan_jax.collect import addresses
from cinegan_jax.collect.addresses import Failure

HOSTS = {
    "public.example": ["93.184.215.14", "2606:2800:21f:cb07::1"],
    "inside.example": ["192.168.1.1"],
    "both.example": ["93.184.215.14", "10.0.0.1"],
    "cloud.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "local.example": ["fe80::1%eth0"],
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def look_up(host: str, port: None, **options: object) -> list[tuple]:
        if host not in HOSTS and not host[:1].isdigit():
            raise socket.gaierror("no such name")
        return [(0, 0, 0, "", (address, 0)) for address in HOSTS.get(host, [host])]

    addresses._are_private.cache_clear()
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    addresses._are_private.cache_clear()


def url(host: str) -> str:
    return f"http://{host}:8000/a"


PRIVATE = [*(host for host in HOSTS if host != "public.example"), "127.0.0.1", "0.0.0.0"]


@pytest.mark.parametrize("host", PRIVATE)
def test_public_hosts_must_not_lead_to_private_ones(host: str) -> None:
    with pytest.raises(Failure, match=f"public.example leads to {host}"):
        addresses.refuse_private_target(url("public.example"), url(host))


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        ("public.example", "8.8.8.8"),
        ("public.example", "public.example"),
        ("inside.example", "127.0.0.1"),
        ("inside.example", "public.example"),
        ("both.example", "both.example"),
        ("public.example", "unknown.example"),
    ],
)
def test_allowed_targets(origin: str, target: str) -> None:
    addresses.refuse_private_target(url(origin), url(target))


def test_a_host_with_any_public_address_is_public() -> None:
    with pytest.raises(Failure):
        addresses.refuse_private_target(url("both.example"), url("inside.example"))
