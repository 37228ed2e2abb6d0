"""What hosts' robots.txt files allow (RFC 9309)."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from urllib.parse import urljoin

from protego import Protego

from cinegan_jax.collect.failure import Failure, Passing
from cinegan_jax.collect.manners import AGENT

LARGEST = 512 * 1024
"""Bytes of a robots.txt that are read, by RFC 9309, 2.5."""

ReadRobots = Callable[[str], bytes | None]
"""Reads a robots.txt, at most LARGEST bytes; None where the server has none. Raises Passing."""


class Robots:
    """Reads each host's file once, when the host is first asked for something.

    A host whose file cannot be had although it may exist must not be asked for anything (RFC 9309,
    2.3.1.4); after `attempts` such answers it is given up.
    """

    def __init__(
        self, read: ReadRobots, slow_down: Callable[[str, float], None], attempts: int
    ) -> None:
        """`slow_down` is told the address and seconds of each Crawl-delay."""
        self._read, self._slow_down, self._attempts = read, slow_down, attempts
        self._rules: dict[str, Protego] = {}
        self._refusals: dict[str, str] = {}
        self._failed: Counter[str] = Counter()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def require_allowed(self, address: str) -> None:
        """Raises Failure if the host does not want it fetched, Passing if that is not known."""
        file = urljoin(address, "/robots.txt")
        with self._locks[file]:
            if file not in self._rules and file not in self._refusals:
                self._ask(file)
        if file in self._refusals:
            raise Failure(self._refusals[file])
        if not self._rules[file].can_fetch(address, AGENT):
            raise Failure("robots.txt of the host does not allow it")

    def _ask(self, file: str) -> None:
        try:
            content = self._read(file) or b""
            rules = Protego.parse(content.decode("utf-8", errors="replace"))
            if delay := rules.crawl_delay(AGENT):
                self._slow_down(file, float(delay))
            self._rules[file] = rules
        except Passing as failure:
            self._failed[file] += 1
            if self._failed[file] < self._attempts:
                raise
            self._refusals[file] = f"robots.txt of the host cannot be had: {failure}"
        except Failure as failure:
            self._refusals[file] = str(failure)
