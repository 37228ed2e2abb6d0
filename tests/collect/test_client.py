"""Retries, robots.txt, redirections and guards of the client."""

import email.utils
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from misbehaving_site import QUICK, Answer, Site, in_turn

from cinegan_jax.collect import addresses
from cinegan_jax.collect.addresses import Failure, TransientFailure, host_of
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.politeness import RateLimit


def read(client: Client, address: str, origin: str | None = None) -> bytes:
    def once() -> bytes:
        with client.get(address, origin or address, {}) as response:
            return b"".join(client.chunks(response))

    return client.retried(once)


class Waits:
    """Clock and wait of a rate limit that take no time; records the waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.seconds.append(round(seconds, 3))
        self.now += seconds
        return False


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def waiting_client(make_client: Callable[..., Client], waits: Waits) -> Client:
    """Client with the default politeness whose waits take no time."""
    politeness = replace(QUICK, delay=1.0, back_off=2.0, patience=600.0)
    return make_client(politeness, rate_limit=RateLimit(politeness.delay, waits.clock, waits.wait))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(
    waiting_client: Client, waits: Waits, site: Site, status: int
) -> None:
    site["/robots.txt"] = b""
    again = Answer(status=status, headers={"Retry-After": "240"})
    site["/a"] = in_turn(again, Answer(b"done"))
    assert read(waiting_client, site.url("/a")) == b"done"
    assert waits.seconds == [1.0, 240.0]  # after robots.txt, then Retry-After


def test_retry_after_may_be_a_date(waiting_client: Client, waits: Waits, site: Site) -> None:
    date = email.utils.formatdate(time.time() + 120, usegmt=True)
    site["/a"] = in_turn(Answer(status=503, headers={"Retry-After": date}), Answer(b"done"))
    assert read(waiting_client, site.url("/a")) == b"done"
    assert waits.seconds[1] == pytest.approx(120, abs=3)


def test_a_wait_beyond_patience_fails(waiting_client: Client, waits: Waits, site: Site) -> None:
    site["/a"] = Answer(status=429, headers={"Retry-After": "86400"})
    with pytest.raises(Failure, match=r"86400 s, more than --patience 600"):
        read(waiting_client, site.url("/a"))
    assert site.paths() == ["/a"]
    assert waits.seconds == [1.0]


def test_back_off_doubles_with_jitter(waiting_client: Client, waits: Waits, site: Site) -> None:
    site["/a"] = Answer(status=500, headers={"Retry-After": "soon"})  # malformed
    with pytest.raises(TransientFailure, match="500"):
        read(waiting_client, site.url("/a"))
    _, *backs_off = waits.seconds
    for seconds, middle in zip(backs_off, (2, 4, 8), strict=True):
        assert 0.5 * middle <= seconds <= 1.5 * middle
    assert len(site.paths()) == 4


def test_crawl_delay_is_honoured(waiting_client: Client, waits: Waits, site: Site) -> None:
    site["/robots.txt"] = b"User-agent: *\nCrawl-delay: 7.5\n"
    site["/a"] = site["/b"] = b"page"
    read(waiting_client, site.url("/a"))
    read(waiting_client, site.url("/b"))
    assert waits.seconds == [7.5, 7.5]


def test_a_crawl_delay_beyond_patience_fails(
    waiting_client: Client, waits: Waits, site: Site
) -> None:
    site["/robots.txt"] = b"User-agent: *\nCrawl-delay: 3600\n"
    site["/a"] = b"page"
    for _ in range(2):
        with pytest.raises(Failure, match="3600 s between requests"):
            read(waiting_client, site.url("/a"))
    assert [request.path for request in site.requests] == ["/robots.txt"]


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_missing_robots_txt_allows_everything(client: Client, site: Site, status: int) -> None:
    site["/robots.txt"] = Answer(b"Disallow: /", status)
    site["/a"] = b"page"
    assert read(client, site.url("/a")) == b"page"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_unreachable_robots_txt_forbids_everything(
    client: Client, site: Site, status: int
) -> None:
    site["/robots.txt"] = Answer(status=status)
    site["/a"] = site["/b"] = b"page"
    for path in ("/a", "/b"):
        with pytest.raises(Failure, match=r"robots.txt of the host is unreachable: .*status"):
            read(client, site.url(path))
    assert site.paths() == []
    assert len(site.requests) == QUICK.attempts


def test_robots_txt_after_a_retry_is_obeyed(client: Client, site: Site) -> None:
    site["/robots.txt"] = in_turn(Answer(status=503), Answer(b"User-agent: *\nDisallow: /a"))
    site["/a"] = site["/b"] = b"page"
    assert read(client, site.url("/b")) == b"page"
    with pytest.raises(Failure, match="does not allow"):
        read(client, site.url("/a"))


def test_robots_txt_may_be_redirected_and_very_long(client: Client, site: Site) -> None:
    site["/robots.txt"] = Answer(status=301, headers={"Location": "/other.txt"})
    site["/other.txt"] = b"User-agent: *\nDisallow: /a\n" + b"# and so on\n" * 10**5
    site["/a"] = b"page"
    with pytest.raises(Failure, match="does not allow"):
        read(client, site.url("/a"))


def test_a_trickling_server_times_out(make_client: Callable[..., Client], site: Site) -> None:
    """Each byte arrives in time, but the whole body does not."""
    site["/a"] = Answer(b"a" * 400, pause=0.1, parts=400)
    client = make_client(replace(QUICK, attempts=1, attempt_timeout=0.4, read_timeout=5.0))
    began = time.monotonic()
    with pytest.raises(TransientFailure, match=r"unfinished after 0 s"):
        read(client, site.url("/a"))
    assert time.monotonic() - began < 20  # the whole body takes 40 s


@pytest.mark.parametrize("target", ["/\xff.jpg", "http://[::1", "http://a..b/"])
def test_a_redirection_to_a_malformed_address_fails(
    client: Client, site: Site, target: str
) -> None:
    site["/a"] = Answer(status=302, headers={"Location": target})
    with pytest.raises(Failure, match="not an address"):
        read(client, site.url("/a"))
    assert site.paths() == ["/a"]


def test_the_body_of_a_redirection_is_not_read(client: Client, site: Site) -> None:
    """The body may be endless."""
    site["/a"] = Answer(b"a" * 10**6, 302, {"Location": "/b"}, pause=1.0, parts=50)
    site["/b"] = b"page"
    began = time.monotonic()
    assert read(client, site.url("/a")) == b"page"
    assert time.monotonic() - began < 30  # the whole body takes 50 s


def test_proxies_from_the_environment_are_used(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.setattr(addresses, "_are_private", lambda host: (False,))
    site["http://shells.example/a"] = b"page"
    assert read(client, "http://shells.example/a") == b"page"


def test_cookies_are_not_kept(client: Client, site: Site) -> None:
    site["/a"] = site["/b"] = Answer(b"page", headers={"Set-Cookie": "you=known"})
    read(client, site.url("/a"))
    read(client, site.url("/b"))
    assert not any("Cookie" in request.headers for request in site.requests)


def test_a_refused_connection_fails(client: Client) -> None:
    with pytest.raises(Failure, match=r"robots.txt of the host is unreachable: .*no connection"):
        read(client, "http://127.0.0.1:1/a")


def test_a_public_host_must_not_lead_into_a_private_network(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = host_of(site.address).partition(":")[2]
    monkeypatch.setattr(addresses, "_are_private", lambda host: (host != "localhost",))
    public = f"http://localhost:{port}"
    site["/a"] = Answer(status=302, headers={"Location": site.url("/secret")})
    site["/secret"] = b"secret"
    with pytest.raises(Failure, match=r"localhost leads to 127.0.0.1, which is in a private"):
        read(client, f"{public}/a")
    with pytest.raises(Failure, match="private network"):
        read(client, site.url("/secret"), origin=f"{public}/page")
    assert "/secret" not in site.paths()
    assert read(client, site.url("/secret")) == b"secret"  # named by the user


def test_a_private_host_may_lead_anywhere(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = host_of(site.address).partition(":")[2]
    monkeypatch.setattr(addresses, "_are_private", lambda host: (True,))
    site["/a"] = Answer(status=302, headers={"Location": f"http://localhost:{port}/b"})
    site["/b"] = b"page"
    assert read(client, site.url("/a")) == b"page"
