"""Politeness to hosts: request settings, rate limits and robots.txt (RFC 9309)."""

import importlib.metadata
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from protego import Protego

from cinegan_jax.collect.addresses import Failure, TransientFailure, host_of
from cinegan_jax.collect.task_pool import Stopped
from cinegan_jax.core.errors import UserError

AGENT = "cinegan-collect"
"""Product name in the User-Agent header and in robots.txt."""
MAX_ROBOTS_BYTES = 512 * 1024
"""Bytes of a robots.txt that are parsed (RFC 9309, 2.5)."""


@dataclass(frozen=True)
class Politeness:
    """Settings of all requests.

    Attributes:
      contact: mail address or page for the User-Agent header; may be empty.
      delay: minimum seconds between two requests to one host; a longer Crawl-delay wins.
      jobs: maximum number of concurrent requests.
      per_host: maximum number of concurrent requests to one host.
      attempts: maximum number of attempts per address, including the first.
      back_off: seconds before the second attempt; doubles for each further one, with jitter.
      patience: longest wait in seconds that a server may ask for.
      connect_timeout: seconds.
      read_timeout: seconds without a byte.
      attempt_timeout: seconds for a whole attempt, against servers that trickle.
    """

    contact: str = ""
    delay: float = 1.0
    jobs: int = 8
    per_host: int = 2
    attempts: int = 4
    back_off: float = 2.0
    patience: float = 600.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    attempt_timeout: float = 300.0

    def check(self) -> None:
        """Raise UserError if the contact cannot be part of a header."""
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise UserError(
                f"--contact is {self.contact!r}: give a mail address or page in plain ASCII"
            )

    @property
    def user_agent(self) -> str:
        """Value of the User-Agent header."""
        name = f"{AGENT}/{importlib.metadata.version('cinegan-jax')}"
        return f"{name} ({self.contact})" if self.contact else name


class RateLimit:
    """Spaces the requests to each host by at least `delay` seconds. Thread-safe.

    Every intentional wait of a command happens here, so that `stop` ends it.
    """

    def __init__(
        self,
        delay: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait(seconds)` waits and returns True if stopped; the default waits in real time."""
        self._stop = threading.Event()
        self._clock, self._wait = clock, wait or self._stop.wait
        self._delay: defaultdict[str, float] = defaultdict(lambda: delay)
        self._free_at: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def enter(self, host: str) -> None:
        """Wait until a request to `host` may be sent; raise Stopped after `stop`."""
        while (seconds := self._take_turn(host)) > 0:
            if self._wait(seconds):
                break
        self.require_running()

    def slow_down(self, host: str, delay: float) -> None:
        """Space further requests to `host` by at least `delay` seconds."""
        with self._lock:
            self._free_at[host] += max(0.0, delay - self._delay[host])
            self._delay[host] = max(self._delay[host], delay)

    def pause(self, host: str, seconds: float) -> None:
        """Send no request to `host` for `seconds`."""
        with self._lock:
            self._free_at[host] = max(self._free_at[host], self._clock() + seconds)

    def stop(self) -> None:
        """End all waits and let no further request pass."""
        self._stop.set()

    def require_running(self) -> None:
        """Raise Stopped after `stop`."""
        if self._stop.is_set():
            raise Stopped

    def _take_turn(self, host: str) -> float:
        """Return the seconds until the host is free; take the turn if it is free now."""
        with self._lock:
            now = self._clock()
            seconds = self._free_at[host] - now
            if seconds <= 0:
                self._free_at[host] = now + self._delay[host]
            return seconds


class Robots:
    """Fetches the rules of each host once, before the first other request to it.

    A host whose robots.txt is unreachable must not be asked for anything (RFC 9309, 2.3.1.4);
    after `attempts` failures it is refused for the rest of the command.
    """

    def __init__(
        self,
        read: Callable[[str], bytes | None],
        slow_down: Callable[[str, float], None],
        attempts: int,
    ) -> None:
        """Take the two actions of the client.

        Args:
          read: returns at most MAX_ROBOTS_BYTES of a robots.txt, or None if the host has none.
          slow_down: obeys a Crawl-delay of a host, in seconds; raises Failure if it is too long.
          attempts: for an unreachable file.
        """
        self._read, self._slow_down, self._attempts = read, slow_down, attempts
        self._rules: dict[str, Protego] = {}
        self._refusals: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def require_allowed(self, address: str) -> None:
        """Raise Failure if the host forbids it, TransientFailure while that is unknown."""
        file = urljoin(address, "/robots.txt")
        with self._locks[file]:
            if file not in self._rules and file not in self._refusals:
                self._fetch(file)
        if file in self._refusals:
            raise Failure(self._refusals[file])
        if not self._rules[file].can_fetch(address, AGENT):
            raise Failure("robots.txt of the host does not allow it")

    def _fetch(self, file: str) -> None:
        try:
            content = self._read(file) or b""
            rules = Protego.parse(content.decode("utf-8", errors="replace"))
            if delay := rules.crawl_delay(AGENT):
                self._slow_down(host_of(file), float(delay))
            self._rules[file] = rules
        except TransientFailure as failure:
            self._failures[file] += 1
            if self._failures[file] < self._attempts:
                raise
            self._refusals[file] = f"robots.txt of the host is unreachable: {failure}"
        except Failure as failure:
            self._refusals[file] = str(failure)
