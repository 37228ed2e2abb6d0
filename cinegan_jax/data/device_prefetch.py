"""Prefetch of batches onto the devices, ahead of the training step."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

_POLL_SECONDS = 0.001
"""Interval at which `next_while` checks whether the devices are still busy."""


class StatefulIterator(Protocol):
    """An iterator whose position can be saved."""

    def __next__(self) -> Any: ...

    def get_state(self) -> Any: ...

    def set_state(self, state: Any, /) -> None: ...

    def close(self) -> None: ...


class DevicePrefetch(Iterator[Any]):
    """Keep `depth` batches on the devices ahead of use, by one background thread.

    Args:
      batches: the iterator to draw from; nothing else may draw from it.
      place: function that puts a batch on the devices.
      depth: maximum number of placed batches.

    Attributes:
      waited: total seconds in which the devices were idle because data was missing.
    """

    def __init__(self, batches: StatefulIterator, place: Callable[[Any], Any], depth: int = 2):
        self.waited = 0.0
        self._batches, self._place, self._depth = batches, place, depth
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device-prefetch")
        self._ahead: deque[Future[tuple[Any, Any]]] = deque()
        self._state = batches.get_state()

    def __next__(self) -> Any:
        return self.next_while(lambda: False)

    def next_while(self, busy: Callable[[], bool]) -> Any:
        """Return the next batch; time spent waiting for it while `busy()` is True does not count.

        Steps are asynchronous, so a late batch costs nothing until the devices are idle.
        """
        while len(self._ahead) < self._depth:
            self._ahead.append(self._thread.submit(self._draw))
        drawn = self._ahead.popleft()
        while not drawn.done() and busy():
            wait([drawn], timeout=_POLL_SECONDS)
        start = time.perf_counter()
        batch, self._state = drawn.result()
        self.waited += time.perf_counter() - start
        self._ahead.append(self._thread.submit(self._draw))
        return batch

    def _draw(self) -> tuple[Any, Any]:
        batch = next(self._batches)
        return self._place(batch), self._batches.get_state()

    def get_state(self) -> Any:
        """Return the position after the last returned batch, regardless of prefetched ones."""
        return self._state

    def set_state(self, state: Any) -> None:
        """Go to a position returned by `get_state`; prefetched batches are dropped."""
        self._drop_prefetched()
        self._batches.set_state(state)
        self._state = state

    def close(self) -> None:
        """Stop prefetching and close the iterator."""
        self._drop_prefetched()
        self._thread.shutdown()
        self._batches.close()

    def _drop_prefetched(self) -> None:
        for future in self._ahead:
            future.cancel()
        for future in self._ahead:
            if not future.cancelled():
                future.exception()  # waits for the draw in progress
        self._ahead.clear()
