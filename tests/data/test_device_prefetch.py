"""Batches placed ahead, the position that is saved, and the time spent waiting for data.

Time is a clock that only the tests advance, so that waiting is measured exactly.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from cinegan_jax.data import device_prefetch
from cinegan_jax.data.device_prefetch import DevicePrefetch


class Counter:
    """Yields one-number batches 0 ... stop - 1, and counts the draws."""

    def __init__(self, stop: int = 100) -> None:
        self.position, self.drawn, self.closed = 0, 0, False
        self._stop = stop

    def __next__(self) -> dict[str, np.ndarray]:
        if self.position == self._stop:
            raise StopIteration
        self.position += 1
        self.drawn += 1
        return {"input": np.array([self.position - 1])}

    def get_state(self) -> dict[str, int]:
        return {"position": self.position}

    def set_state(self, state: dict[str, int]) -> None:
        self.position = state["position"]

    def close(self) -> None:
        self.closed = True


class Clock:
    """Replaces `time.perf_counter`; `read` is set whenever the time is read."""

    def __init__(self) -> None:
        self.now, self.read = 0.0, threading.Event()

    def perf_counter(self) -> float:
        self.read.set()
        return self.now


class Held(Counter):
    """A counter whose draws wait until `release` allows one, which takes `seconds`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock, self._allowed = clock, threading.Semaphore(0)

    def __next__(self) -> dict[str, np.ndarray]:
        assert self._allowed.acquire(timeout=30)
        return super().__next__()

    def release(self, seconds: float = 0.0) -> None:
        self._clock.now += seconds
        self._allowed.release()

    def release_when_waited_for(self, seconds: float) -> threading.Thread:
        """Release a draw once the time of waiting has begun."""
        self._clock.read.clear()

        def release() -> None:
            assert self._clock.read.wait(30)
            self.release(seconds)

        thread = threading.Thread(target=release)
        thread.start()
        return thread


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    fake = SimpleNamespace(perf_counter=clock.perf_counter)
    monkeypatch.setattr(device_prefetch, "time", fake)
    return clock


@pytest.fixture
def held(clock: Clock) -> Held:
    return Held(clock)


def numbers(batches: Iterable[Any], count: int) -> list[int]:
    return [int(batch["input"][0]) for batch in itertools.islice(batches, count)]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_batches_come_in_order_and_placed() -> None:
    batches = DevicePrefetch(Counter(7), jax.device_put)
    first = next(batches)
    assert isinstance(first["input"], jax.Array)
    assert numbers(batches, 100) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(StopIteration):
        next(batches)
    batches.close()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_batches_are_placed_ahead(depth: int) -> None:
    counter = Counter()
    batches = DevicePrefetch(counter, jax.device_put, depth)
    assert counter.drawn == 0
    next(batches)
    wait(batches._ahead, timeout=30)
    assert counter.drawn == 1 + depth
    batches.close()
    assert counter.closed


def test_the_state_is_that_of_the_last_batch_handed_out() -> None:
    batches = DevicePrefetch(Counter(), jax.device_put)
    assert batches.get_state() == {"position": 0}
    assert numbers(batches, 3) == [0, 1, 2]
    state = batches.get_state()
    assert state == {"position": 3}
    assert numbers(batches, 2) == [3, 4]
    batches.set_state(state)
    assert batches.get_state() == state
    assert numbers(batches, 3) == [3, 4, 5]
    batches.close()


def test_errors_of_the_iterator_reach_the_caller() -> None:
    class Failing(Counter):
        def __next__(self) -> dict[str, np.ndarray]:
            if self.position == 2:
                raise ValueError("broken")
            return super().__next__()

    batches = DevicePrefetch(Failing(), jax.device_put)
    assert numbers(batches, 2) == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(batches)
    batches.close()


def test_waiting_for_late_batches_is_measured(held: Held) -> None:
    batches = DevicePrefetch(held, jax.device_put, depth=1)
    for number, seconds in enumerate((5.0, 7.0)):
        late = held.release_when_waited_for(seconds)
        assert numbers(batches, 1) == [number]
        late.join()
    assert batches.waited == 12.0
    held.release()
    batches.close()


def test_batches_that_are_ready_cost_no_waiting(held: Held) -> None:
    batches = DevicePrefetch(held, jax.device_put, depth=1)
    late = held.release_when_waited_for(3.0)
    next(batches)
    late.join()
    for drawn in range(2, 6):
        held.release(seconds=1.0)
        wait_until(lambda drawn=drawn: held.drawn == drawn)
        next(batches)
    assert batches.waited == 3.0
    held.release()
    batches.close()


def test_a_late_batch_costs_nothing_while_the_devices_are_busy(held: Held) -> None:
    batches = DevicePrefetch(held, jax.device_put, depth=1)
    asked = itertools.count(1)

    def busy() -> bool:
        if next(asked) == 3:
            held.release(seconds=9.0)
        return True

    assert int(batches.next_while(busy)["input"][0]) == 0
    assert next(asked) > 3
    assert batches.waited == 0.0
    held.release()
    batches.close()


def test_waiting_counts_from_when_the_devices_are_done(held: Held, clock: Clock) -> None:
    batches = DevicePrefetch(held, jax.device_put, depth=1)
    late = held.release_when_waited_for(4.0)
    asked = itertools.count(1)

    def busy() -> bool:
        clock.now += 10.0
        return next(asked) < 3

    batches.next_while(busy)
    late.join()
    assert batches.waited == 4.0
    held.release()
    batches.close()
