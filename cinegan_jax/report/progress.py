"""How far a run is, and whether it still goes on."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from cinegan_jax.pages.numbers import duration
from cinegan_jax.report.run_files import RunFiles

LEAST_SILENCE = 600.0
"""Seconds without a record after which a run no longer counts as running; more where it is slow."""
SLOW_INTERVALS = 5
"""Times the usual seconds between records."""

Kind = Literal["good", "busy", "bad", ""]


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    step: int
    total: int | None
    """Steps of the whole run, where known."""
    state: str
    """In words."""
    kind: Kind
    """Of news: finished, running, stopped by an alarm, or silent."""
    seconds: float
    """Of training, by the records' speed."""


def progress_of(files: RunFiles, now: float) -> Progress:
    """Reads the state of a run off its records.

    Args:
      files: the run's.
      now: seconds since the epoch.
    """
    total = _total_steps(files)
    step = files.last_step
    state, kind = _state(files, step, total, now)
    return Progress(step, total, state, kind, sum(_interval_seconds(files)))


def _state(files: RunFiles, step: int, total: int | None, now: float) -> tuple[str, Kind]:
    stops = [alarm for alarm in files.alarms if alarm.action == "stop"]
    if total is not None and step >= total:
        return "finished", "good"
    if stops and stops[-1].step >= max((record["step"] for record in files.metrics), default=0):
        return f"stopped by an alarm: {stops[-1].rule}", "bad"
    if files.updated is None:
        return "nothing recorded yet", ""
    silence = now - files.updated
    intervals = sorted(_interval_seconds(files)) or [0.0]
    if silence > max(LEAST_SILENCE, SLOW_INTERVALS * intervals[len(intervals) // 2]):
        return f"not running: silent for {duration(silence)}", ""
    return "running", "busy"


def _total_steps(files: RunFiles) -> int | None:
    """By the config, else by its epochs and what the records say of an epoch's length."""
    config = files.config
    if config.get("num_steps"):
        return int(config["num_steps"])
    for record in reversed(files.metrics):
        if record.get("epoch") and config.get("num_epochs"):
            return round(config["num_epochs"] * round(record["step"] / record["epoch"]))
    return None


def _interval_seconds(files: RunFiles) -> list[float]:
    """Of training between records, as each tells; older ones tell of their speed alone."""
    batch = files.config.get("batch_size")
    found, before = [], 0
    for record in files.metrics:
        timing = _timing(record)
        seconds, rate = timing.get("seconds"), timing.get("pairs_per_second")
        if seconds:
            found.append(seconds)
        elif rate and batch:
            found.append((record["step"] - before) * batch / rate)
            before = record["step"]
    return found


def _timing(record: Mapping[str, Any]) -> Mapping[str, Any]:
    timing = record.get("timing")
    return timing if isinstance(timing, dict) else {}
