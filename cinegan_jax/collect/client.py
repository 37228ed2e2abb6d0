"""HTTP requests within robots.txt and the rate limits, with retries and guarded redirections."""

import contextlib
import email.utils
import http
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError, ReadTimeoutError

from cinegan_jax.collect.addresses import (
    Failure,
    RangeRefused,
    TransientFailure,
    host_of,
    normalised,
    refuse_private_target,
)
from cinegan_jax.collect.politeness import MAX_ROBOTS_BYTES, Politeness, RateLimit, Robots

MAX_REDIRECTS = 5
"""Redirections followed per address; RFC 9309 asks for five for robots.txt."""
_CHUNK = 2**16
_TRANSIENT_STATUSES = (408, 425, 429, 500, 502, 503, 504)

T = TypeVar("T")


class Client:
    """Sends polite requests. Thread-safe."""

    def __init__(self, politeness: Politeness, rate_limit: RateLimit | None = None) -> None:
        politeness.check()
        self.politeness = politeness
        self._rate_limit = rate_limit or RateLimit(politeness.delay)
        self._robots = Robots(self._robots_txt, self._slow_down, politeness.attempts)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = politeness.user_agent
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(politeness.jobs, politeness.jobs))
        self._open: set[requests.Response] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End all requests and waits: they raise Stopped or TransientFailure."""
        self._rate_limit.stop()
        with self._lock:
            for response in self._open:
                with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended
                    response.raw.shutdown()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def retried(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, repeated after transient failures.

        Between attempts no thread asks the host that failed: for its Retry-After or the back-off.

        Raises:
          Failure: the last attempt failed, or the host asks for a longer wait than `patience`.
          Stopped: after `stop`.
        """
        for attempt in range(1, self.politeness.attempts):
            try:
                return work()
            except TransientFailure as failure:
                self._rate_limit.require_running()
                jitter = random.uniform(0.5, 1.5)  # many clients must not return together
                pause = self.politeness.back_off * 2 ** (attempt - 1) * jitter
                if failure.retry_after is not None:
                    pause = failure.retry_after
                if pause > self.politeness.patience:
                    raise Failure(
                        f"{failure}; {failure.host} asks for a wait of {pause:.0f} s, more than "
                        f"--patience {self.politeness.patience:.0f}"
                    ) from failure
                self._rate_limit.pause(failure.host, pause)
        return work()

    @contextlib.contextmanager
    def get(
        self, address: str, origin: str, headers: Mapping[str, str]
    ) -> Iterator[requests.Response]:
        """Yield the successful response to a GET request, after redirections.

        The private-network guard, robots.txt and the rate limit hold for each redirection too.

        Args:
          address: in normal form.
          origin: the address that led here; see `refuse_private_target`.
          headers: extra request headers.

        Raises:
          Failure: it is forbidden, missing or redirects too often; TransientFailure if that may
            pass; RangeRefused if the server does not have the requested range.
          Stopped: after `stop`.
        """
        with self._followed(address, origin, headers, self._robots.require_allowed) as response:
            _require_success(response)
            yield response

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body as it arrives, with content encodings such as gzip decoded.

        Raises:
          TransientFailure: it breaks off, stalls, or exceeds `attempt_timeout`.
          Stopped: after `stop`.
        """
        end = time.monotonic() + self.politeness.attempt_timeout
        host = host_of(response.url)
        with self._network_errors(host):
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                yield chunk
                self._rate_limit.require_running()
                if time.monotonic() > end:
                    limit = self.politeness.attempt_timeout
                    raise TransientFailure(f"unfinished after {limit:.0f} s", host)
        self._rate_limit.require_running()  # `stop` may have cut it short, which looks like an end

    def _robots_txt(self, address: str) -> bytes | None:
        with self._followed(address, address, {}, lambda _: None) as response:
            if 400 <= response.status_code < 500 and response.status_code != 429:
                return None
            _require_success(response)
            content = bytearray()
            for chunk in self.chunks(response):
                content += chunk
                if len(content) >= MAX_ROBOTS_BYTES:
                    break
            return bytes(content[:MAX_ROBOTS_BYTES])

    def _slow_down(self, host: str, delay: float) -> None:
        if delay > self.politeness.patience:
            raise Failure(
                f"robots.txt of the host asks for {delay:.0f} s between requests, more than "
                f"--patience {self.politeness.patience:.0f}"
            )
        self._rate_limit.slow_down(host, delay)

    @contextlib.contextmanager
    def _followed(
        self,
        address: str,
        origin: str,
        headers: Mapping[str, str],
        require_allowed: Callable[[str], None],
    ) -> Iterator[requests.Response]:
        for _ in range(MAX_REDIRECTS + 1):
            refuse_private_target(origin, address)
            require_allowed(address)
            with self._sent(address, headers) as response:
                try:
                    target = self._session.get_redirect_target(response)
                except UnicodeError as error:
                    raise Failure("redirected to what is not an address") from error
                if target is None:
                    yield response
                    return
                address = normalised(target, address)
        raise Failure(f"redirected more than {MAX_REDIRECTS} times")

    @contextlib.contextmanager
    def _sent(self, address: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        host = host_of(address)
        self._rate_limit.enter(host)
        timeout = (self.politeness.connect_timeout, self.politeness.read_timeout)
        session = self._session
        with self._network_errors(host):
            request = session.prepare_request(requests.Request("GET", address, headers))
            settings = session.merge_environment_settings(address, {}, True, None, None)
            # Session.send would keep cookies and read whole bodies of redirections.
            response = session.get_adapter(address).send(request, timeout=timeout, **settings)
        with self._lock:
            self._open.add(response)
        try:
            yield response
        finally:
            with self._lock:
                self._open.discard(response)
            response.close()

    @contextlib.contextmanager
    def _network_errors(self, host: str) -> Iterator[None]:
        """Turn network errors into TransientFailure, or into Stopped after `stop`."""
        try:
            yield
        except (requests.RequestException, HTTPError) as error:
            self._rate_limit.require_running()
            raise TransientFailure(f"{host}: {_reason(error)}", host) from error


def _require_success(response: requests.Response) -> None:
    status, host = response.status_code, host_of(response.url)
    if status in (200, 206):
        return
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
    reason = f"HTTP status {status} {phrase}".rstrip()
    if status == requests.codes.requested_range_not_satisfiable:
        raise RangeRefused(reason, host)
    if status in _TRANSIENT_STATUSES:
        raise TransientFailure(reason, host, _retry_after(response))
    raise Failure(reason)


def _retry_after(response: requests.Response) -> float | None:
    """Return the Retry-After seconds, from a number or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    match error:
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.Timeout() | ReadTimeoutError():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return f"no secure connection: {error}"
        case ProtocolError() | IncompleteRead():
            return "the connection broke off"
    return f"no connection: {error}"
