"""Tables of an evaluation for HTML pages."""

import dataclasses
import math
from pathlib import Path

from cinegan_jax.evaluation.result import METHOD_LABELS, Evaluation, Summary
from cinegan_jax.evaluation.tables import format_interval, format_score, groups
from cinegan_jax.metrics.registry import METRICS, facts

EVALUATION_HTML = Path(__file__).with_name("html")
"""Folder of the templates; `tables.html` has the macros that show the tables."""
_ORACLES = ("affine",)
"""Methods that saw the target."""


@dataclasses.dataclass(frozen=True)
class Heading:
    """Heading of a column."""

    label: str
    """The metric with its unit."""
    help: str
    """Says which of two values is better."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One metric of one method."""

    mean: str
    median: str
    interval: str
    """Interval of the mean."""
    order: str
    """The mean for sorting; empty where there is none."""
    best: bool
    """True if the method is the best of the table, oracles aside."""


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """Scores by one protocol against one reference."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """Label and cells of each method."""


@dataclasses.dataclass(frozen=True)
class WorstTable:
    """The photos on which a method scores worst."""

    method: str
    group: str
    metric: str
    """Label of the metric that the photos are chosen by."""
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Name of each photo, and (text, order) of each metric."""


@dataclasses.dataclass(frozen=True)
class SetTable:
    """Scores of all images of a method together."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...], int], ...]
    """Label of each method, (text, order) of each metric, and the number of images."""


def score_tables(evaluation: Evaluation) -> list[ScoreTable]:
    """Return a table for each protocol and reference, with a row for each method."""
    return [
        _score_table(title, evaluation.summaries(protocol=protocol, reference=reference))
        for title, protocol, reference in groups(evaluation)
    ]


def worst_table(evaluation: Evaluation, metric: str = "psnr") -> WorstTable | None:
    """Return the worst ten photos of the last method in the last group; None without any."""
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
    headings = tuple(map(metric_heading, metrics))
    return WorstTable(method_label(method), title, facts(metric).heading, headings, rows)


def set_tables(evaluation: Evaluation) -> list[SetTable]:
    """Return a table of set scores, such as FID, for each protocol and reference."""
    tables = []
    for protocol, reference in dict.fromkeys((s.protocol, s.reference) for s in evaluation.sets):
        found = [s for s in evaluation.sets if (s.protocol, s.reference) == (protocol, reference)]
        metrics = list(dict.fromkeys(metric for score in found for metric in score.scores))
        rows = tuple(
            (
                method_label(score.method),
                tuple(_text_and_order(m, score.scores.get(m, math.nan)) for m in metrics),
                score.photos,
            )
            for score in found
        )
        title = f"Whole sets, {protocol}, against the set of the {reference}"
        tables.append(SetTable(title, tuple(map(metric_heading, metrics)), rows))
    return tables


def metric_heading(metric: str) -> Heading:
    """Return the heading of a metric's column."""
    known = facts(metric)
    better = "higher" if known.higher_is_better else "lower"
    return Heading(known.heading.replace("delta E", "ΔE"), f"{known.heading}: {better} is better")


def method_label(method: str) -> str:
    """Return the label of a method."""
    return METHOD_LABELS.get(method, method)


def _score_table(title: str, summaries: tuple[Summary, ...]) -> ScoreTable:
    metrics = [m for m in METRICS if any(s.metric == m for s in summaries)]
    methods = list(dict.fromkeys(s.method for s in summaries))
    found = {(s.method, s.metric): s for s in summaries}
    best = {metric: _best([s for s in summaries if s.metric == metric]) for metric in metrics}
    rows = tuple(
        (method_label(method), tuple(_cell(found.get((method, m)), best[m]) for m in metrics))
        for method in methods
    )
    return ScoreTable(title, tuple(map(metric_heading, metrics)), rows)


def _best(summaries: list[Summary]) -> Summary | None:
    known = [s for s in summaries if not math.isnan(s.mean) and s.method not in _ORACLES]
    if len(known) < 2:
        return None
    sign = -1 if facts(known[0].metric).higher_is_better else 1
    return min(known, key=lambda summary: sign * summary.mean)


def _cell(summary: Summary | None, best: Summary | None) -> Cell:
    if summary is None:
        return Cell("–", "–", "–", "", False)
    mean, order = _text_and_order(summary.metric, summary.mean)
    median = format_score(summary.metric, summary.median)
    return Cell(mean, median, format_interval(summary), order, summary is best)


def _text_and_order(metric: str, value: float) -> tuple[str, str]:
    order = "" if math.isnan(value) else str(value).replace("inf", "Infinity")
    return format_score(metric, value), order
