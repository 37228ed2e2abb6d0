"""A comparison of runs as sentences, tables and JSON."""

import dataclasses
import json
import math
from collections.abc import Iterator
from itertools import groupby

from rich import box
from rich.table import Table

from cinegan_jax.evaluation.compare import MetricDifference, RunComparison
from cinegan_jax.evaluation.tables import MOST_NAMED
from cinegan_jax.metrics.registry import facts

_FEW = 8
"""With fewer photos, intervals are too narrow; see `mean_interval`."""


def sentence(difference: MetricDifference) -> str:
    """Say which one is better and by how much, or that the difference is not significant."""
    found, label = difference.found, facts(difference.metric).heading
    amount = f"{label} {_signed(difference, found.mean)} ({_interval(difference)})"
    where = f"{found.photos} photos, {difference.protocol}, against {_against(difference)}"
    first, second, better = difference.first, difference.second, difference.better
    if better is None:
        return f"{second} and {first} do not differ significantly: {amount} on {where}."
    worse, share = first, difference.second_wins
    if better == first:
        worse, share = second, difference.first_wins
    return (
        f"{better} is better than {worse}, on {share:.0%} of the photos: "
        f"{second} minus {first} is {amount} on {where}."
    )


def conclusions(comparison: RunComparison) -> Iterator[str]:
    """Yield a sentence for each pair of runs, by PSNR if scored, in the last group (native)."""
    last = comparison.differences[-1]
    metric = comparison.differences[0].metric
    for d in comparison.differences:
        if (d.protocol, d.reference, d.metric) == (last.protocol, last.reference, metric):
            yield sentence(d)


def comparison_tables(comparison: RunComparison) -> Iterator[Table]:
    """Yield a table for each pair of runs, protocol and reference, about 80 columns wide."""
    for (first, second, protocol, _), group in groupby(
        comparison.differences, lambda d: (d.first, d.second, d.protocol, d.reference)
    ):
        found = list(group)
        against = _against(found[0])
        title = f"{second} minus {first}: {protocol}, against {against}"
        table = Table(box=box.SIMPLE, padding=0, title=f"[bold]{title}", title_justify="left")
        table.add_column("", no_wrap=True)
        for heading in ("difference", "95 %", "wins", "photos"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("better")
        for d in found:
            table.add_row(
                facts(d.metric).heading,
                _signed(d, d.found.mean),
                _interval(d),
                f"{d.second_wins:.0%}",
                str(d.found.photos),
                d.better or "–",
            )
        yield table


def comparison_notes(comparison: RunComparison) -> Iterator[str]:
    """Yield remarks on the numbers: few photos, and photos left out."""
    fewest = min(d.found.photos for d in comparison.differences)
    if fewest < _FEW:
        yield f"{fewest} photos are too few for their intervals, which are too narrow below {_FEW}."
    lacking = comparison.left_out
    if lacking:
        named = [f"{name} (not in {', '.join(labels)})" for name, labels in lacking.items()]
        more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        yield f"{len(named)} left out: {'; '.join(named[:MOST_NAMED])}{more}"


def comparison_json(comparison: RunComparison) -> str:
    """Return strict JSON; numbers that are not finite become null."""
    rows = [
        {**dataclasses.asdict(d), "better": d.better, "second_wins": d.second_wins}
        for d in comparison.differences
    ]
    for row in rows:
        row["found"] = {k: v if math.isfinite(v) else None for k, v in row["found"].items()}
    content = {"differences": rows, "left_out": comparison.left_out}
    return json.dumps(content, indent=1, allow_nan=False)


def _signed(difference: MetricDifference, value: float) -> str:
    return f"{value:+.{facts(difference.metric).decimals + 1}f}"


def _interval(difference: MetricDifference) -> str:
    if math.isnan(difference.found.low):
        return "–"
    ends = (difference.found.low, difference.found.high)
    return " … ".join(_signed(difference, end) for end in ends)


def _against(difference: MetricDifference) -> str:
    return "the target without grain" if difference.reference == "clean" else "the target"
