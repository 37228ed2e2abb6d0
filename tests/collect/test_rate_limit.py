"""Spacing of requests, with a clock that only waiting advances."""

import threading

import pytest

from cinegan_jax.collect.politeness import RateLimit
from cinegan_jax.collect.task_pool import Stopped


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


def times(gate: RateLimit, clock: Clock, host: str, count: int) -> list[float]:
    """Return the times at which `count` requests pass, since the start of the clock."""
    return [(gate.enter(host), clock.now - 100.0)[1] for _ in range(count)]


def test_requests_to_a_host_are_spaced(clock: Clock) -> None:
    gate = RateLimit(1.5, clock, clock.wait)
    assert times(gate, clock, "a", 3) == [0, 1.5, 3]
    assert times(gate, clock, "b", 2) == [3, 4.5]


def test_slow_down_applies_to_one_host(clock: Clock) -> None:
    gate = RateLimit(1.0, clock, clock.wait)
    gate.enter("a")
    gate.slow_down("a", 5.0)
    gate.slow_down("a", 2.0)
    assert times(gate, clock, "a", 2) == [5, 10]
    assert times(gate, clock, "b", 2) == [10, 11]


def test_a_pause_delays_all_requests_to_the_host(clock: Clock) -> None:
    gate = RateLimit(1.0, clock, clock.wait)
    gate.pause("a", 30.0)
    gate.pause("a", 10.0)
    assert times(gate, clock, "a", 2) == [30, 31]


def test_a_pause_also_delays_requests_that_already_wait(clock: Clock) -> None:
    gate = RateLimit(1.0, clock, lambda seconds: (clock.wait(seconds), pause.pop()())[0])
    pause = [lambda: None, lambda: gate.pause("a", 20.0)]
    assert times(gate, clock, "a", 2) == [0, 21]


def test_threads_are_spaced_too(clock: Clock) -> None:
    """No two of eight threads pass together, measured in real time."""
    gate = RateLimit(0.02)
    passed = []

    def pass_through() -> None:
        gate.enter("a")
        passed.append(gate._clock())

    threads = [threading.Thread(target=pass_through) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed.sort()
    assert passed[-1] - passed[0] > 6 * 0.02


def test_stop_ends_waiting() -> None:
    gate = RateLimit(60.0)
    gate.enter("a")
    threading.Timer(0.05, gate.stop).start()
    with pytest.raises(Stopped):
        gate.enter("a")
    with pytest.raises(Stopped):
        gate.enter("b")
