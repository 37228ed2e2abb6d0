"""Key figures of a run: progress, best checkpoint, scores and speed."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from cinegan_jax.pages.numbers import count, duration, figure
from cinegan_jax.report.charts import HELD_OUT, score_label
from cinegan_jax.report.run_files import RunFiles
from cinegan_jax.training.held_out import BEST_MODES

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


@dataclasses.dataclass(frozen=True)
class Best:
    """The best scored step of a run."""

    step: int
    metric: str
    scores: Mapping[str, float]
    """All held-out scores of that step, by metric."""
    saved: bool
    """Whether a checkpoint of that step is there; where none of the scored steps is, it is not."""

    @property
    def label(self) -> str:
        """The metric for people."""
        return score_label(self.metric)


def held_out_scores(files: RunFiles) -> dict[int, dict[str, float]]:
    """Held-out scores by step and metric, in order of steps."""
    scores: dict[int, dict[str, float]] = {}
    for record in files.metrics:
        found = {
            name.removeprefix(HELD_OUT): value
            for name, value in record.items()
            if name.startswith(HELD_OUT) and isinstance(value, int | float)
        }
        if found:
            scores[record["step"]] = found
    return dict(sorted(scores.items()))


def find_best(files: RunFiles) -> Best | None:
    """The best of the saved steps by the config's `best_metric`, else of all scored ones."""
    metric = files.config.get("best_metric", "psnr")
    modes = {name: mode for each in BEST_MODES.values() for name, mode in each.items()}
    mode = modes.get(metric)
    scored = {s: found for s, found in held_out_scores(files).items() if metric in found}
    if mode is None or not scored:
        return None
    saved = scored.keys() & set(files.checkpoints)
    choose = max if mode == "max" else min
    step = choose(sorted(saved or scored), key=lambda step: scored[step][metric])
    return Best(step, metric, scored[step], bool(saved))


TOO_LONG_A_WAIT = 0.05
"""Share of the time from which training from this data source wastes the devices."""


class KeyFigure(NamedTuple):
    """One of them."""

    name: str
    value: str
    unit: str = ""
    note: str = ""
    bad: bool = False


def key_figures(files: RunFiles, progress: Progress, best: Best | None) -> list[KeyFigure]:
    """Those that the records know."""
    return [
        _steps(progress),
        *_scores(best),
        *_speed(files, progress),
        *_alarms(files),
    ]


def _steps(progress: Progress) -> KeyFigure:
    of = f"of {count(progress.total)}" if progress.total else ""
    share = f"{progress.step / progress.total:.0%}" if progress.total else ""
    return KeyFigure("Steps", count(progress.step), of, share)


def _scores(best: Best | None) -> list[KeyFigure]:
    if best is None:
        return []
    where = "best checkpoint" if best.saved else "best score, no checkpoint of it"
    note = f"step {count(best.step)}, {where}"
    return [
        KeyFigure(score_label(name), figure(value), "dB" if name == "psnr" else "", note)
        for name, value in best.scores.items()
        if not name.endswith("_clean")
    ]


def _speed(files: RunFiles, progress: Progress) -> list[KeyFigure]:
    unit = files.learned
    rates, waits = (_timings(files, name) for name in (f"{unit}_per_second", "data_wait_share"))
    found = []
    if rates:
        found.append(KeyFigure("Speed", figure(statistics.median(rates), 3), f"{unit}/s", "median"))
    if progress.seconds:
        starts = len(files.starts)
        note = f"in {starts} start{'s' if starts > 1 else ''}" if starts else ""
        found.append(KeyFigure("Time trained", duration(progress.seconds), note=note))
    if waits:
        wait = statistics.median(waits)
        note = f"median; at most {max(waits):.1%}"
        found.append(
            KeyFigure("Waiting for data", f"{wait:.1%}", note=note, bad=wait > TOO_LONG_A_WAIT)
        )
    return found


def _alarms(files: RunFiles) -> list[KeyFigure]:
    if not files.watched:
        return []
    acted = sum(alarm.action != "none" for alarm in files.alarms)
    note = f"{count(len(files.checks))} checks" + (f", {acted} acted on" if acted else "")
    return [KeyFigure("Alarms", count(len(files.alarms)), note=note, bad=bool(files.alarms))]


def _timings(files: RunFiles, name: str) -> list[float]:
    timings = (record.get("timing") for record in files.metrics)
    found = (timing.get(name) for timing in timings if isinstance(timing, dict))
    return [value for value in found if isinstance(value, int | float)]
