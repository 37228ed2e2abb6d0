"""An evaluation as a person reads it: a table for the terminal, a line, Markdown."""

import math
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.table import Table

from cinegan_jax.evaluation.methods import LABELS
from cinegan_jax.evaluation.metric_facts import MAIN_METRICS, METRICS, facts
from cinegan_jax.evaluation.result import Evaluation, PhotoScore, Summary

ORACLE = (
    "*per-photo affine* is an oracle: for each photo the affine map of colours that was fitted to "
    "the target itself."
)
NAMED = 10
"""Of the photos left out, so many are named to people; the file names all."""


def to_tables(evaluation: Evaluation) -> Iterator[Table]:
    """For each group the means of the main metrics, with interval and median of the first.

    At most 80 columns wide.
    """
    for title, protocol, reference in groups(evaluation):
        found = evaluation.summaries(protocol=protocol, reference=reference)
        table = Table(box=box.SIMPLE, padding=0, title=f"[bold]{title}", title_justify="left")
        table.add_column("", no_wrap=True)
        labels = [facts(metric).label for metric in MAIN_METRICS]
        for heading in (labels[0], "95 % of mean", "median", *labels[1:]):
            table.add_column(heading, justify="right", no_wrap=True)
        for method, row in _by_method(found):
            first, *others = ({s.metric: s for s in row}[metric] for metric in MAIN_METRICS)
            means = [shown(other.metric, other.mean) for other in others]
            median = shown(first.metric, first.median)
            mean = shown(first.metric, first.mean)
            table.add_row(LABELS[method], mean, interval(first), median, *means)
        yield table


def to_markdown(evaluation: Evaluation) -> str:
    """All metrics: means by method, then every number of each summary; then the worst photos."""
    lines = [f"# Evaluation of {evaluation.about.target}", "", _about(evaluation), ""]
    for title, protocol, reference in groups(evaluation):
        found = evaluation.summaries(protocol=protocol, reference=reference)
        lines += [f"## {title}", "", *_means(found), "", *_details(found), ""]
    oracle = [ORACLE, ""] if evaluation.photos else []
    lines += [*_sets(evaluation), *_worst(evaluation), *oracle, skipped_line(evaluation)]
    return "\n".join(lines).rstrip() + "\n"


def summary_line(evaluation: Evaluation) -> str:
    """PSNR and delta E 76 of every method against each reference, in one line; of pairs alone."""
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
    """Title, protocol and reference of each group of scores that are to be compared."""
    for protocol, reference in dict.fromkeys((s.protocol, s.reference) for s in evaluation.photos):
        method = next(iter(evaluation.select(protocol=protocol, reference=reference))).method
        count = len(evaluation.select(protocol=protocol, reference=reference, method=method))
        size = f" {evaluation.size}" if protocol == "filmnet" else ""
        against = "the target without grain" if reference == "clean" else "the target"
        photos = "photo" if count == 1 else "photos"
        yield f"{protocol}{size}, against {against}: {count} {photos}", protocol, reference


def worst_photos(evaluation: Evaluation) -> tuple[PhotoScore, ...]:
    """The ten photos with the generator's worst PSNR, by the last group: native and without grain,
    where that was scored; none where sets alone were."""
    for _, protocol, reference in list(groups(evaluation))[-1:]:
        return evaluation.worst(protocol, reference, "generator", "psnr")
    return ()


def shown(metric: str, value: float) -> str:
    """A value with as many decimals as are worth showing; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{facts(metric).decimals}f}"


def interval(summary: Summary) -> str:
    """The interval of the mean; a dash where there is none."""
    if math.isnan(summary.low):
        return "–"
    return f"{shown(summary.metric, summary.low)} … {shown(summary.metric, summary.high)}"


def skipped_line(evaluation: Evaluation) -> str:
    """How many pairs were left out, and some of them by name; empty where none was."""
    named = [f"{name} ({reason})" for name, reason in evaluation.skipped.items()]
    if not named:
        return ""
    more = f"; and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{len(named)} left out: {'; '.join(named[:NAMED])}{more}"


def _by_method(found: Sequence[Summary]) -> Iterator[tuple[str, list[Summary]]]:
    for method in dict.fromkeys(summary.method for summary in found):
        yield method, [summary for summary in found if summary.method == method]


def _means(found: Sequence[Summary]) -> list[str]:
    metrics = [metric for metric in METRICS if any(s.metric == metric for s in found)]
    rows = []
    for method, row in _by_method(found):
        means = {summary.metric: summary.mean for summary in row}
        rows.append([LABELS[method], *(shown(m, means.get(m, math.nan)) for m in metrics)])
    return _markdown_table(["mean", *(facts(metric).label for metric in metrics)], rows)


def _details(found: Sequence[Summary]) -> list[str]:
    headings = ["metric", "method", "mean", "95 % of mean", "median", "std", "photos"]
    rows = [
        [
            facts(s.metric).label,
            LABELS[s.method],
            shown(s.metric, s.mean),
            interval(s),
            shown(s.metric, s.median),
            shown(s.metric, s.std),
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
            LABELS[score.method],
            *(shown(metric, score.scores[metric]) for metric in metrics),
            str(score.photos),
        ]
        for score in evaluation.sets
    ]
    headings = ["against", "method", *(facts(metric).label for metric in metrics), "pictures"]
    notes = dict.fromkeys(note for score in evaluation.sets for note in score.notes)
    table = _markdown_table(headings, rows, texts=2)
    return ["## Whole sets", "", *table, "", *(line for note in notes for line in (note, ""))]


def set_lines(evaluation: Evaluation) -> list[str]:
    """FID and KID of each method in a line, and what is to be said of small sets."""
    lines = []
    for score in evaluation.sets:
        values = ", ".join(f"{facts(m).label} {shown(m, v)}" for m, v in score.scores.items())
        against = f"{score.protocol}, {score.reference}"
        lines.append(f"{LABELS[score.method]} ({against}): {values}")
    return lines + list(dict.fromkeys(note for score in evaluation.sets for note in score.notes))


def _worst(evaluation: Evaluation) -> list[str]:
    worst = worst_photos(evaluation)
    if not worst:
        return []
    metrics = [metric for metric in METRICS if metric in worst[0].scores]
    rows = [[photo.name, *(shown(m, photo.scores[m]) for m in metrics)] for photo in worst]
    title = list(groups(evaluation))[-1][0].partition(":")[0]
    heading = f"## The generator's worst photos by PSNR ({title})"
    table = _markdown_table(["photo", *(facts(metric).label for metric in metrics)], rows)
    return [heading, "", *table, ""]


def _markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1
) -> list[str]:
    """The first columns hold texts, the others numbers."""
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
        means = {summary.metric: shown(summary.metric, summary.mean) for summary in row}
        parts.append(f"{LABELS[method]} {means['psnr']} dB / {means['delta_e_76']}")
    return ", ".join(parts)
