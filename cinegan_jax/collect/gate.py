"""Where requests to a host wait for their turn."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable

from cinegan_jax.collect.failure import Stopped


class Gate:
    """Lets requests through one by one: to each host at most one every `delay` seconds.

    For many threads. All that this program waits for on purpose, it waits for here.
    """

    def __init__(
        self,
        delay: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait` waits so many seconds and says whether it was stopped; by default for real."""
        self._stop = threading.Event()
        self._clock, self._wait = clock, wait or self._stop.wait
        self._delay: defaultdict[str, float] = defaultdict(lambda: delay)
        self._free_at: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def enter(self, host: str) -> None:
        """Waits until a request to `host` may be sent; raises Stopped."""
        while (seconds := self._take_turn(host)) > 0:
            if self._wait(seconds):
                break
        self.require_open()

    def slow_down(self, host: str, delay: float) -> None:
        """From now on, requests to `host` are at least `delay` seconds apart."""
        with self._lock:
            self._free_at[host] += max(0.0, delay - self._delay[host])
            self._delay[host] = max(self._delay[host], delay)

    def pause(self, host: str, seconds: float) -> None:
        """No request to `host` for so long."""
        with self._lock:
            self._free_at[host] = max(self._free_at[host], self._clock() + seconds)

    def stop(self) -> None:
        """Ends all waiting; nothing passes any more."""
        self._stop.set()

    def require_open(self) -> None:
        """Raises Stopped after `stop`."""
        if self._stop.is_set():
            raise Stopped

    def _take_turn(self, host: str) -> float:
        """Seconds until the host is free; where that is now, takes the turn."""
        with self._lock:
            now = self._clock()
            seconds = self._free_at[host] - now
            if seconds <= 0:
                self._free_at[host] = now + self._delay[host]
            return seconds
