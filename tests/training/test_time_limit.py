"""Runs that save and leave within their time."""

import time
from pathlib import Path
from typing import Any

import jax
import pytest
import runs
from several_processes import in_processes

import cinegan_jax as cinegan
from cinegan_jax.core.os_processes import seconds_since_start
from cinegan_jax.training import time_limit
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.time_limit import TimeLimit


class Clock:
    """A clock that goes as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time_limit, "time", clock)
    return clock


def seconds_until_stop(clock: Clock, limit: TimeLimit, steps: list[float], save: float) -> float:
    """Return the time from now to the stop; steps take the given seconds, the last for ever."""
    start = clock.now
    while True:
        clock.now += steps.pop(0) if len(steps) > 1 else steps[0]
        if limit.is_reached(save):
            return clock.now - start


@pytest.mark.parametrize(
    ("steps", "save", "margin"),
    [
        ([1.0], 5.0, 3 * 1 + 2 * 5),
        ([60.0, 1.0], 5.0, 3 * 1 + 2 * 5),  # the first step is compiled
        ([60.0, 1.0, 20.0, 1.0], 5.0, 3 * 20 + 2 * 5),  # one with an evaluation
    ],
)
def test_it_stops_a_few_steps_and_saves_before_the_end(
    clock: Clock, steps: list[float], save: float, margin: float
) -> None:
    stop = seconds_until_stop(clock, TimeLimit(1000), steps, save)
    assert 1000 - margin <= stop <= 1000 - margin + 1


def test_time_before_the_run_counts(clock: Clock) -> None:
    assert seconds_until_stop(clock, TimeLimit(1000, elapsed=400), [1.0], 5.0) == 600 - 13


def test_before_the_first_save_half_a_minute_is_left_for_it(clock: Clock) -> None:
    limit = TimeLimit(100)
    clock.now += 69
    assert not limit.is_reached(None)
    clock.now += 0.5
    assert limit.is_reached(None)


def test_the_age_of_the_process_is_that_of_the_system() -> None:
    status = Path("/proc/self/stat")
    if not status.exists():
        pytest.skip("needs /proc")
    modified = Path("/proc/self").stat().st_ctime  # the clock of the wall, which may be set
    assert seconds_since_start() == pytest.approx(time.time() - modified, abs=600)
    before = seconds_since_start()
    assert seconds_since_start() >= before > 0


def test_a_run_saves_and_leaves_in_time_and_goes_on(
    tmp_path: Path, small_pairs: dict[str, Any]
) -> None:
    workdir = tmp_path / "run"
    settings = {**runs.TOY, **small_pairs, "num_steps": 100_000, "checkpoint_every_steps": 90_000}
    started = runs.Started(workdir, settings, flags=["--stop_after=31s"])
    assert started.exit_code(seconds=60) == 75
    assert "The time of stop_after ends" in started.said
    saved = runs.saved_steps(workdir)
    assert len(saved) == 1
    assert f"Step {saved[0]} is saved; start again to continue." in started.said


def test_python_calls_count_from_the_call(tmp_path: Path, small_pairs: dict[str, Any]) -> None:
    config = runs.config_of({**runs.TOY, **small_pairs, "num_steps": 100_000})
    with pytest.raises(SystemExit) as stopped:
        cinegan.train(config, tmp_path / "run", stop_after="30s")
    assert stopped.value.code == 75
    assert runs.saved_steps(tmp_path / "run") == [1]  # nothing is left beside the first save


def steps_until_stop() -> int:
    """Take steps until the guard asks for a stop; only the first process' time is over."""
    limit = TimeLimit(1000, elapsed=1000 if jax.process_index() == 0 else 0)
    with PreemptionGuard(limit) as guard:
        step = 1
        while not guard.should_stop(step, 1.0):
            time.sleep(0.01)  # a step
            step += 1
    assert guard.exit_code == 75
    return step


def test_all_processes_stop_at_one_step() -> None:
    first, second = in_processes(steps_until_stop)
    assert first == second
