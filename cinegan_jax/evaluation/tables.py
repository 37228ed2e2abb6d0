"""An evaluation as text: tables for the terminal, a summary line, Markdown."""

import math
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from cinegan_jax.evaluation.result import METHOD_LABELS, Evaluation, PhotoScore, Summary
from cinegan_jax.metrics.registry import MAIN_METRICS, METRICS, facts

_ORACLE = (
    "*per-photo affine* is an oracle: for each photo, the affine map of colours that was fitted to "
    "the target itself."
)
MOST_NAMED = 10
"""Most photos left out that are named; evaluation.json names all."""


def print_result(evaluation: Evaluation) -> None:
    """Print the tables and a summary line on standard output."""
    console = Console(soft_wrap=True, highlight=False)
    lines = (*set_lines(evaluation), skipped_line(evaluation), summary_line(evaluation))
    for part in (*terminal_tables(evaluation), *filter(None, lines)):
        console.print(part)


def terminal_tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield a table for each group: means of the main metrics, interval and median of the first.

    A table is at most 80 columns wide.
    """
    for title, protocol, reference in groups(evaluation):
        found = evaluation.summaries(protocol=protocol, reference=reference)
        table = Table(box=box.SIMPLE, padding=0, title=f"[bold]{title}", title_justify="left")
        table.add_column("", no_wrap=True)
        labels = [facts(metric).heading for metric in MAIN_METRICS]
        for heading in (labels[0], "95 % of mean", "median", *labels[1:]):
            table.add_column(heading, justify="right", no_wrap=True)
        for method, row in _by_method(found):
            first, *others = ({s.metric: s for s in row}[metric] for metric in MAIN_METRICS)
            means = [format_score(other.metric, other.mean) for other in others]
            median = format_score(first.metric, first.median)
            mean = format_score(first.metric, first.mean)
            table.add_row(METHOD_LABELS[method], mean, format_interval(first), median, *means)
        yield table


def to_markdown(evaluation: Evaluation) -> str:
    """Return all metrics as Markdown: means by method, every summary, then the worst photos."""
    lines = [f"# Evaluation of {evaluation.about.target}", "", _about(evaluation), ""]
    for title, protocol, reference in groups(evaluation):
        found = evaluation.summaries(protocol=protocol, reference=reference)
        lines += [f"## {title}", "", *_means(found), "", *_details(found), ""]
    oracle = [_ORACLE, ""] if evaluation.photos else []
    lines += [*_sets(evaluation), *_worst(evaluation), *oracle, skipped_line(evaluation)]
    return "\n".join(lines).rstrip() + "\n"


def summary_line(evaluation: Evaluation) -> str:
    """Return PSNR and delta E 76 of every method in one line; empty for unconditional samples."""
    if not evaluation.photos:
        return ""
    protocol = "native" if evaluation.select(protocol="native") else "filmnet"
    clean, target = (
        evaluation.summaries(protocol=protocol, reference=name) for name in ("clean", "target")
    )
    parts = [f"against the clean target: {_listed(clean)}"] if clean else []
    parts.append(f"against the {'grainy ' if clean else ''}target: {_listed(target)}")
    return f"held-out PSNR / delta E 76 {'; '.join(parts)}"


def groups(evaluation: Evaluation) -> Iterator[tuple[str, str, str]]:
    """Yield title, protocol and reference of each group of comparable scores."""
    for protocol, reference in dict.fromkeys((s.protocol, s.reference) for s in evaluation.photos):
        method = next(iter(evaluation.select(protocol=protocol, reference=reference))).method
        count = len(evaluation.select(protocol=protocol, reference=reference, method=method))
        size = f" {evaluation.size}" if protocol == "filmnet" else ""
        against = "the target without grain" if reference == "clean" else "the target"
        photos = "photo" if count == 1 else "photos"
        yield f"{protocol}{size}, against {against}: {count} {photos}", protocol, reference


def worst_photos(evaluation: Evaluation) -> tuple[PhotoScore, ...]:
    """Return the ten photos with the generator's worst PSNR in the last group.

    That group is native and without grain, where those were scored.
    """
    for _, protocol, reference in list(groups(evaluation))[-1:]:
        return evaluation.worst(protocol, reference, "generator", "psnr")
    return ()


def format_score(metric: str, value: float) -> str:
    """Format a value with the metric's decimals; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{facts(metric).decimals}f}"


def format_interval(summary: Summary) -> str:
    """Format the interval of the mean; a dash where there is none."""
    if math.isnan(summary.low):
        return "–"
    return " … ".join(format_score(summary.metric, end) for end in (summary.low, summary.high))


def skipped_line(evaluation: Evaluation) -> str:
    """Return how many pairs were left out, with some of their names; empty where none was."""
    named = [f"{name} ({reason})" for name, reason in evaluation.skipped.items()]
    if not named:
        return ""
    more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"{len(named)} left out: {'; '.join(named[:MOST_NAMED])}{more}"


def _by_method(found: Sequence[Summary]) -> Iterator[tuple[str, list[Summary]]]:
    for method in dict.fromkeys(summary.method for summary in found):
        yield method, [summary for summary in found if summary.method == method]


def _means(found: Sequence[Summary]) -> list[str]:
    metrics = [metric for metric in METRICS if any(s.metric == metric for s in found)]
    rows = []
    for method, row in _by_method(found):
        means = {summary.metric: summary.mean for summary in row}
        rows.append(
            [METHOD_LABELS[method], *(format_score(m, means.get(m, math.nan)) for m in metrics)]
        )
    return _markdown_table(["mean", *(facts(metric).heading for metric in metrics)], rows)


def _details(found: Sequence[Summary]) -> list[str]:
    headings = ["metric", "method", "mean", "95 % of mean", "median", "std", "photos"]
    rows = [
        [
            facts(s.metric).heading,
            METHOD_LABELS[s.method],
            format_score(s.metric, s.mean),
            format_interval(s),
            format_score(s.metric, s.median),
            format_score(s.metric, s.std),
            str(s.photos),
        ]
        for s in sorted(found, key=lambda summary: list(METRICS).index(summary.metric))
    ]
    return _markdown_table(headings, rows, texts=2)


def _sets(evaluation: Evaluation) -> list[str]:
    if not evaluation.sets:
        return []
    metrics = list(dict.fromkeys(metric for score in evaluation.sets for metric in score.scores))
    rows = [
        [
            f"{score.protocol}, {score.reference}",
            METHOD_LABELS[score.method],
            *(format_score(metric, score.scores[metric]) for metric in metrics),
            str(score.photos),
        ]
        for score in evaluation.sets
    ]
    headings = ["against", "method", *(facts(metric).heading for metric in metrics), "images"]
    notes = dict.fromkeys(note for score in evaluation.sets for note in score.notes)
    table = _markdown_table(headings, rows, texts=2)
    return ["## Whole sets", "", *table, "", *(line for note in notes for line in (note, ""))]


def set_lines(evaluation: Evaluation) -> list[str]:
    """Return a line with the set scores of each method, and the notes on them."""
    lines = []
    for score in evaluation.sets:
        values = ", ".join(
            f"{facts(m).heading} {format_score(m, v)}" for m, v in score.scores.items()
        )
        against = f"{score.protocol}, {score.reference}"
        lines.append(f"{METHOD_LABELS[score.method]} ({against}): {values}")
    return lines + list(dict.fromkeys(note for score in evaluation.sets for note in score.notes))


def _worst(evaluation: Evaluation) -> list[str]:
    worst = worst_photos(evaluation)
    if not worst:
        return []
    metrics = [metric for metric in METRICS if metric in worst[0].scores]
    rows = [[photo.name, *(format_score(m, photo.scores[m]) for m in metrics)] for photo in worst]
    title = list(groups(evaluation))[-1][0].partition(":")[0]
    heading = f"## The generator's worst photos by PSNR ({title})"
    table = _markdown_table(["photo", *(facts(metric).heading for metric in metrics)], rows)
    return [heading, "", *table, ""]


def _markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1
) -> list[str]:
    """Return the lines of a table whose first columns hold texts, the others numbers."""
    rules = [*["---"] * texts, *["---:"] * (len(headings) - texts)]
    return [f"| {' | '.join(row)} |" for row in (headings, rules, *rows)]


def _about(evaluation: Evaluation) -> str:
    about = evaluation.about
    step = "" if about.step is None else f", step {about.step}"
    weights = "".join(f" {metric.upper()} by `{file}`." for metric, file in about.weights.items())
    look = f", look `{about.look}`" if about.look else ""
    return f"Split `{about.split}` of `{about.data}`{look}{step}.{weights}"


def _listed(found: Iterable[Summary]) -> str:
    parts = []
    for method, row in _by_method(list(found)):
        means = {summary.metric: format_score(summary.metric, summary.mean) for summary in row}
        parts.append(f"{METHOD_LABELS[method]} {means['psnr']} dB / {means['delta_e_76']}")
    return ", ".join(parts)
