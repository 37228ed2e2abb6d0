"""Key figures of a run: progress, best checkpoint, scores and speed."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from cinegan_jax.config.run import BEST_MODES
from cinegan_jax.pages.numbers import duration, short_number, thousands
from cinegan_jax.report.charts import HELD_OUT_PREFIX, score_label
from cinegan_jax.report.run_files import RunFiles

_LEAST_SILENCE = 600.0
"""Seconds without a record after which a run no longer counts as running."""
_SILENT_INTERVALS = 5
"""Times between records after which a slow run no longer counts as running."""
_LONG_WAIT = 0.05
"""Share of time spent waiting for data above which devices are wasted."""

Kind = Literal["good", "busy", "bad", ""]


@dataclasses.dataclass(frozen=True)
class RunProgress:
    """Progress of a run."""

    step: int
    total: int | None
    """Steps of the whole run, if known."""
    state: str
    """Description for people."""
    kind: Kind
    """Colour of the state: finished, running, stopped by an alarm, or none of these."""
    seconds: float
    """Seconds of training, from the records' speed."""


def run_progress(files: RunFiles, now: float) -> RunProgress:
    """Determine the progress of a run from its records.

    Args:
      files: the run's records.
      now: seconds since the epoch.
    """
    total = _total_steps(files)
    step = files.last_step
    state, kind = _state(files, step, total, now)
    return RunProgress(step, total, state, kind, sum(_interval_seconds(files)))


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
    if silence > max(_LEAST_SILENCE, _SILENT_INTERVALS * intervals[len(intervals) // 2]):
        return f"not running: silent for {duration(silence)}", ""
    return "running", "busy"


def _total_steps(files: RunFiles) -> int | None:
    """Return the config's steps, else its epochs times the length of an epoch in the records."""
    config = files.config
    if config.get("num_steps"):
        return int(config["num_steps"])
    for record in reversed(files.metrics):
        if record.get("epoch") and config.get("num_epochs"):
            return round(config["num_epochs"] * round(record["step"] / record["epoch"]))
    return None


def _interval_seconds(files: RunFiles) -> list[float]:
    """Return the seconds of training between records; older records have their speed only."""
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
    """Best scored step of a run."""

    step: int
    metric: str
    scores: Mapping[str, float]
    """All held-out scores of that step, by metric."""
    saved: bool
    """True if the workdir has a checkpoint of that step."""

    @property
    def label(self) -> str:
        """Label of the metric."""
        return score_label(self.metric)


def held_out_scores(files: RunFiles) -> dict[int, dict[str, float]]:
    """Return held-out scores by step and metric, in order of steps."""
    scores: dict[int, dict[str, float]] = {}
    for record in files.metrics:
        found = {
            name.removeprefix(HELD_OUT_PREFIX): value
            for name, value in record.items()
            if name.startswith(HELD_OUT_PREFIX) and isinstance(value, int | float)
        }
        if found:
            scores[record["step"]] = found
    return dict(sorted(scores.items()))


def find_best(files: RunFiles) -> Best | None:
    """Return the best saved step by the config's `best_metric`, else the best scored step."""
    metric = files.config.get("best_metric", "psnr")
    mode = BEST_MODES.get(metric)
    scored = {s: found for s, found in held_out_scores(files).items() if metric in found}
    if mode is None or not scored:
        return None
    saved = scored.keys() & set(files.checkpoints)
    choose = max if mode == "max" else min
    step = choose(sorted(saved or scored), key=lambda step: scored[step][metric])
    return Best(step, metric, scored[step], bool(saved))


class KeyFigure(NamedTuple):
    """One key figure."""

    name: str
    value: str
    unit: str = ""
    note: str = ""
    bad: bool = False


def key_figures(files: RunFiles, progress: RunProgress, best: Best | None) -> list[KeyFigure]:
    """Return the key figures that the records give."""
    return [
        _steps(progress),
        *_scores(best),
        *_speed(files, progress),
        *_alarms(files),
    ]


def _steps(progress: RunProgress) -> KeyFigure:
    of = f"of {thousands(progress.total)}" if progress.total else ""
    share = f"{progress.step / progress.total:.0%}" if progress.total else ""
    return KeyFigure("Steps", thousands(progress.step), of, share)


def _scores(best: Best | None) -> list[KeyFigure]:
    if best is None:
        return []
    where = "best checkpoint" if best.saved else "best score, without a checkpoint"
    note = f"step {thousands(best.step)}, {where}"
    return [
        KeyFigure(score_label(name), short_number(value), "dB" if name == "psnr" else "", note)
        for name, value in best.scores.items()
        if not name.endswith("_clean")
    ]


def _speed(files: RunFiles, progress: RunProgress) -> list[KeyFigure]:
    unit = files.learned
    rates, waits = (_timings(files, name) for name in (f"{unit}_per_second", "data_wait_share"))
    found = []
    if rates:
        found.append(
            KeyFigure("Speed", short_number(statistics.median(rates), 3), f"{unit}/s", "median")
        )
    if progress.seconds:
        starts = len(files.starts)
        note = f"in {starts} start{'s' if starts > 1 else ''}" if starts else ""
        found.append(KeyFigure("Time trained", duration(progress.seconds), note=note))
    if waits:
        wait = statistics.median(waits)
        note = f"median; at most {max(waits):.1%}"
        found.append(KeyFigure("Waiting for data", f"{wait:.1%}", note=note, bad=wait > _LONG_WAIT))
    return found


def _alarms(files: RunFiles) -> list[KeyFigure]:
    if not files.watched:
        return []
    acted = sum(alarm.action != "none" for alarm in files.alarms)
    note = f"{thousands(len(files.checks))} checks" + (f", {acted} acted on" if acted else "")
    return [KeyFigure("Alarms", thousands(len(files.alarms)), note=note, bad=bool(files.alarms))]


def _timings(files: RunFiles, name: str) -> list[float]:
    timings = (record.get("timing") for record in files.metrics)
    found = (timing.get(name) for timing in timings if isinstance(timing, dict))
    return [value for value in found if isinstance(value, int | float)]
