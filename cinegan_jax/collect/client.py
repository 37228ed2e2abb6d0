"""Requests to servers: as robots.txt and rates allow, and never further than they may lead."""

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
from urllib3.exceptions import (
    HTTPError,
    IncompleteRead,
    ProtocolError,
    ReadTimeoutError,
)

from cinegan_jax.collect import robots
from cinegan_jax.collect.addresses import host_of, normalised
from cinegan_jax.collect.failure import Failure, PartRefused, Passing
from cinegan_jax.collect.gate import Gate
from cinegan_jax.collect.manners import Manners
from cinegan_jax.collect.neighbourhood import require_no_trespass

REDIRECTS = 5
"""That are followed for one address, as RFC 9309 has it for robots.txt."""
_CHUNK = 2**16
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

T = TypeVar("T")


class Client:
    """Sends requests with manners; for many threads."""

    def __init__(self, manners: Manners, gate: Gate | None = None) -> None:
        manners.check()
        self.manners = manners
        self._gate = gate or Gate(manners.delay)
        self._robots = robots.Robots(self._read_robots, self._slow_down, manners.attempts)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = manners.user_agent
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(manners.jobs, manners.jobs))
        self._open: set[requests.Response] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ends all requests and all waiting: what is under way raises Stopped or Passing."""
        self._gate.stop()
        with self._lock:
            for response in self._open:
                with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended
                    response.raw.shutdown()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def tried(self, work: Callable[[], T]) -> T:
        """What `work` returns, tried again after passing failures.

        In between the host that failed is left alone by all threads: for as long as it asks, or
        else for the back-off.

        Raises:
          Failure: the last one, or the host asks for more patience than there is.
          Stopped: by `stop`.
        """
        manners = self.manners
        for attempt in range(1, manners.attempts):
            try:
                return work()
            except Passing as failure:
                self._gate.require_open()
                jitter = random.uniform(0.5, 1.5)  # so that many clients do not come back at once
                pause = manners.back_off * 2 ** (attempt - 1) * jitter
                if failure.retry_after is not None:
                    pause = failure.retry_after
                if pause > manners.patience:
                    raise Failure(
                        f"{failure}; {failure.host} asks to be left alone for {pause:.0f} s, more "
                        f"than --patience {manners.patience:.0f}"
                    ) from failure
                self._gate.pause(failure.host, pause)
        return work()

    @contextlib.contextmanager
    def get(
        self, address: str, origin: str, headers: Mapping[str, str]
    ) -> Iterator[requests.Response]:
        """The response to a request, redirections followed and every step of them allowed.

        Args:
          address: in normal form.
          origin: where the address comes from; see `require_no_trespass`.
          headers: for the request.

        Raises:
          Failure: it is not allowed, not there, or leads nowhere. Passing, if that may pass;
            PartRefused if there is no such part.
          Stopped: by `stop`.
        """
        with self._followed(address, origin, headers, self._robots.require_allowed) as response:
            _require_success(response)
            yield response

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes in, content codings undone.

        Raises:
          Passing: it breaks off, stalls, or takes longer than an attempt may.
          Stopped: by `stop`.
        """
        end = time.monotonic() + self.manners.attempt_timeout
        host = host_of(response.url)
        with self._told_of(host):
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                yield chunk
                self._gate.require_open()
                if time.monotonic() > end:
                    raise Passing(f"not done within {self.manners.attempt_timeout:.0f} s", host)
        self._gate.require_open()  # what `stop` cuts short can look like an end

    @contextlib.contextmanager
    def _followed(
        self,
        address: str,
        origin: str,
        headers: Mapping[str, str],
        require_allowed: Callable[[str], None],
    ) -> Iterator[requests.Response]:
        for _ in range(REDIRECTS + 1):
            require_no_trespass(origin, address)
            require_allowed(address)
            with self._sent(address, headers) as response:
                target = self._target(response)
                if target is None:
                    yield response
                    return
                address = normalised(target, address)
        raise Failure(f"redirected more than {REDIRECTS} times")

    def _target(self, response: requests.Response) -> str | None:
        """Where a response redirects to, if it does."""
        try:
            return self._session.get_redirect_target(response)
        except UnicodeError as error:
            raise Failure("redirected to what is no address") from error

    @contextlib.contextmanager
    def _sent(self, address: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        host = host_of(address)
        self._gate.enter(host)
        timeout = (self.manners.connect_timeout, self.manners.read_timeout)
        session = self._session
        with self._told_of(host):
            request = session.prepare_request(requests.Request("GET", address, headers))
            settings = session.merge_environment_settings(address, {}, True, None, None)
            # Session.send would read the bodies of redirections, however long they are.
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
    def _told_of(self, host: str) -> Iterator[None]:
        """Makes a Passing of what the network does, or Stopped if that was `stop`."""
        try:
            yield
        except (requests.RequestException, HTTPError) as error:
            self._gate.require_open()
            raise Passing(f"{host}: {_reason(error)}", host) from error

    def _read_robots(self, file: str) -> bytes | None:
        with self._followed(file, file, {}, lambda address: None) as response:
            if 400 <= response.status_code < 500 and response.status_code != 429:
                return None
            _require_success(response)
            content = bytearray()
            for chunk in self.chunks(response):
                content += chunk
                if len(content) >= robots.LARGEST:
                    break
            return bytes(content[: robots.LARGEST])

    def _slow_down(self, address: str, delay: float) -> None:
        if delay > self.manners.patience:
            raise Failure(
                f"robots.txt of the host asks for {delay:.0f} s between requests, more than "
                f"--patience {self.manners.patience:.0f}"
            )
        self._gate.slow_down(host_of(address), delay)


def _require_success(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
    reason = f"HTTP status {status} {phrase}".rstrip()
    if status == requests.codes.requested_range_not_satisfiable:
        raise PartRefused(reason, host_of(response.url))
    if status in _PASSING_STATUSES:
        raise Passing(reason, host_of(response.url), _retry_after(response))
    raise Failure(reason)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, from a number or a date (RFC 9110, 10.2.3)."""
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
            return f"no safe connection: {error}"
        case ProtocolError() | IncompleteRead():
            return "the connection broke off"
    return f"no connection: {error}"
