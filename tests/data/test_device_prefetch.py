"""Prefetched batches: order, the saved position, and measured waiting."""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
import pytest

from cinegan_jax.data.device_prefetch import DevicePrefetch


class Counter:
    """Yields one-number batches 0 ... stop - 1, and counts what was drawn."""

    def __init__(self, stop: int = 100, delay: float = 0.0) -> None:
        self.position, self.drawn, self.closed = 0, 0, False
        self._stop, self._delay = stop, delay

    def __next__(self) -> dict[str, np.ndarray]:
        time.sleep(self._delay)
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


def _numbers(batches: Iterable[Any], count: int) -> list[int]:
    return [int(batch["input"][0]) for batch in itertools.islice(batches, count)]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)


def test_batches_come_in_order_and_placed() -> None:
    batches = DevicePrefetch(Counter(7), jax.device_put)
    first = next(batches)
    assert isinstance(first["input"], jax.Array)
    assert _numbers(batches, 100) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(StopIteration):
        next(batches)
    batches.close()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_batches_are_placed_ahead(depth: int) -> None:
    counter = Counter()
    batches = DevicePrefetch(counter, jax.device_put, depth)
    assert counter.drawn == 0
    next(batches)
    _wait_until(lambda: counter.drawn > depth)
    time.sleep(0.02)
    assert counter.drawn == 1 + depth
    batches.close()
    assert counter.closed


def test_state_is_that_of_the_last_batch_handed_out() -> None:
    batches = DevicePrefetch(Counter(), jax.device_put)
    assert batches.get_state() == {"position": 0}
    assert _numbers(batches, 3) == [0, 1, 2]
    state = batches.get_state()
    assert state == {"position": 3}
    assert _numbers(batches, 2) == [3, 4]
    batches.set_state(state)
    assert batches.get_state() == state
    assert _numbers(batches, 3) == [3, 4, 5]
    batches.close()


def test_errors_of_the_iterator_reach_the_caller() -> None:
    class Failing(Counter):
        def __next__(self) -> dict[str, np.ndarray]:
            if self.position == 2:
                raise ValueError("broken")
            return super().__next__()

    batches = DevicePrefetch(Failing(), jax.device_put)
    assert _numbers(batches, 2) == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(batches)
    batches.close()


def test_waiting_for_data_is_measured() -> None:
    slow = DevicePrefetch(Counter(delay=0.05), jax.device_put)
    _numbers(slow, 5)
    assert slow.waited > 0.2
    slow.close()


def test_batches_that_are_ready_cost_no_waiting() -> None:
    counter = Counter(delay=0.05)
    batches = DevicePrefetch(counter, jax.device_put)
    next(batches)
    waited = batches.waited
    for step in range(1, 5):
        _wait_until(lambda drawn=step + 1: counter.drawn >= drawn)
        next(batches)
    assert batches.waited - waited < 0.1
    batches.close()


def test_a_late_batch_costs_nothing_while_the_devices_are_busy() -> None:
    batches = DevicePrefetch(Counter(delay=0.1), jax.device_put)
    start = time.perf_counter()
    _numbers([batches.next_while(lambda: True) for _ in range(3)], 3)
    assert time.perf_counter() - start > 0.25
    assert batches.waited < 0.05
    batches.close()


def test_waiting_counts_from_when_the_devices_are_done() -> None:
    batches = DevicePrefetch(Counter(delay=0.2), jax.device_put, depth=1)
    done = time.perf_counter() + 0.1
    batches.next_while(lambda: time.perf_counter() < done)
    assert 0.05 < batches.waited < 0.15
    batches.close()
