"""Fixtures: a local site, clients with short waits, and no other network."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import misbehaving_site
import pytest

from cinegan_jax.collect.client import Client
from cinegan_jax.collect.politeness import Politeness
from cinegan_jax.collect.records import Collection


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines, also through a proxy."""
    monkeypatch.setattr(socket.socket, "connect", misbehaving_site.connect_to_loopback)
    monkeypatch.setattr(socket, "getaddrinfo", misbehaving_site.look_up_loopback)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[misbehaving_site.Site]:
    with misbehaving_site.serving() as site:
        yield site


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "collection")


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    """Return a factory of clients, with short waits by default."""
    made = []

    def make(politeness: Politeness = misbehaving_site.QUICK, **options: object) -> Client:
        made.append(Client(politeness, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
