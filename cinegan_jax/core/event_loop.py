"""Work that must not see a running event loop, as in a notebook cell."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

_Result = TypeVar("_Result")

_WAKE_SECONDS = 0.1
"""Python runs handlers of signals in the main thread, and only while that is awake."""


def outside_event_loop(work: Callable[[], _Result]) -> _Result:
    """Call `work` in another thread where this thread runs an event loop, else in this one.

    Orbax runs coroutines to their end, which asyncio forbids in a thread that runs a loop already,
    as every cell of a notebook does.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, "cinegan") as pool:
        future = pool.submit(work)
        while not future.done():
            wait([future], timeout=_WAKE_SECONDS)
        return future.result()
