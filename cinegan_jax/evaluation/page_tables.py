"""The tables of an evaluation as HTML pages show them."""

import dataclasses
import math
from pathlib import Path

from cinegan_jax.evaluation.methods import LABELS
from cinegan_jax.evaluation.metric_facts import METRICS, facts
from cinegan_jax.evaluation.report import groups, interval, shown
from cinegan_jax.evaluation.result import Evaluation, Summary

HTML = Path(__file__).with_name("html")
"""`tables.html` has the macros that show them."""
ORACLES = ("affine",)
"""Methods that saw the target."""


@dataclasses.dataclass(frozen=True)
class Heading:
    """Of a column."""

    label: str
    """With its unit."""
    help: str
    """What of two values is better."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One metric of one method."""

    mean: str
    median: str
    interval: str
    """Of the mean."""
    order: str
    """The mean for sorting; empty where there is none."""
    best: bool
    """Of the table's methods, but for oracles."""


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """What one protocol found against one reference."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """Label of a method, and its cells."""


@dataclasses.dataclass(frozen=True)
class WorstTable:
    """The photos on which a method scores worst."""

    method: str
    group: str
    metric: str
    """The label of the metric they are chosen by."""
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Name of a photo, and (text, order) of each metric."""


@dataclasses.dataclass(frozen=True)
class SetTable:
    """Scores of all pictures of a method together."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...], int], ...]
    """Label of a method, (text, order) of each metric, and the number of photos."""


def score_tables(evaluation: Evaluation) -> list[ScoreTable]:
    """A table for each protocol and reference, a row for each method."""
    return [
        _score_table(title, evaluation.summaries(protocol=protocol, reference=reference))
        for title, protocol, reference in groups(evaluation)
    ]


def worst_table(evaluation: Evaluation, metric: str = "psnr") -> WorstTable | None:
    """The worst ten photos of the last method by the last protocol; None without any."""
    if not evaluation.photos:
        return None
    title, protocol, reference = list(groups(evaluation))[-1]
    method = evaluation.select(protocol=protocol, reference=reference)[-1].method
    worst = evaluation.worst(protocol, reference, method, metric)
    if not worst:
        return None
    metrics = [name for name in METRICS if name in worst[0].scores]
    rows = tuple(
        (photo.name, tuple(_text_and_order(name, photo.scores[name]) for name in metrics))
        for photo in worst
    )
    headings = tuple(map(heading, metrics))
    return WorstTable(label(method), title, facts(metric).label, headings, rows)


def set_tables(evaluation: Evaluation) -> list[SetTable]:
    """A table of the scores of whole sets for each protocol and reference, such as FID."""
    tables = []
    for protocol, reference in dict.fromkeys((s.protocol, s.reference) for s in evaluation.sets):
        found = [s for s in evaluation.sets if (s.protocol, s.reference) == (protocol, reference)]
        metrics = list(dict.fromkeys(metric for score in found for metric in score.scores))
        rows = tuple(
            (
                label(score.method),
                tuple(_text_and_order(m, score.scores.get(m, math.nan)) for m in metrics),
                score.photos,
            )
            for score in found
        )
        title = f"Whole sets, {protocol}, against the set of the {reference}"
        tables.append(SetTable(title, tuple(map(heading, metrics)), rows))
    return tables


def heading(metric: str) -> Heading:
    """A metric's column."""
    known = facts(metric)
    better = "higher" if known.higher_is_better else "lower"
    return Heading(known.label.replace("delta E", "ΔE"), f"{known.label}: {better} is better")


def label(method: str) -> str:
    """A method for people."""
    return LABELS.get(method, method)


def _score_table(title: str, summaries: tuple[Summary, ...]) -> ScoreTable:
    metrics = [m for m in METRICS if any(s.metric == m for s in summaries)]
    methods = list(dict.fromkeys(s.method for s in summaries))
    found = {(s.method, s.metric): s for s in summaries}
    best = {metric: _best([s for s in summaries if s.metric == metric]) for metric in metrics}
    rows = tuple(
        (label(method), tuple(_cell(found.get((method, m)), best[m]) for m in metrics))
        for method in methods
    )
    return ScoreTable(title, tuple(map(heading, metrics)), rows)


def _best(summaries: list[Summary]) -> Summary | None:
    known = [s for s in summaries if not math.isnan(s.mean) and s.method not in ORACLES]
    if len(known) < 2:
        return None
    sign = -1 if facts(known[0].metric).higher_is_better else 1
    return min(known, key=lambda summary: sign * summary.mean)


def _cell(summary: Summary | None, best: Summary | None) -> Cell:
    if summary is None:
        return Cell("–", "–", "–", "", False)
    mean, order = _text_and_order(summary.metric, summary.mean)
    median = shown(summary.metric, summary.median)
    return Cell(mean, median, interval(summary), order, summary is best)


def _text_and_order(metric: str, value: float) -> tuple[str, str]:
    order = "" if math.isnan(value) else str(value).replace("inf", "Infinity")
    return shown(metric, value), order
