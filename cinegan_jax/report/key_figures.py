"""The few figures at the head of a run's page."""

import statistics
from typing import NamedTuple

from cinegan_jax.pages.numbers import count, duration, figure
from cinegan_jax.report.best_checkpoint import Best
from cinegan_jax.report.charts import score_label
from cinegan_jax.report.progress import Progress
from cinegan_jax.report.run_files import RunFiles

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
