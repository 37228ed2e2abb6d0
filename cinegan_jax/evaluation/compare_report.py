"""A comparison in words, as tables and as JSON."""

import dataclasses
import json
import math
from collections.abc import Iterator
from itertools import groupby

from rich import box
from rich.table import Table

from cinegan_jax.evaluation.compare import Comparison, Difference
from cinegan_jax.evaluation.metric_facts import facts
from cinegan_jax.evaluation.report import NAMED

FEW = 8
"""With fewer photos intervals are too narrow; see `bootstrap.mean_interval`."""


def sentence(difference: Difference) -> str:
    """Which one is better and by how much, or that they cannot be told apart."""
    found, label = difference.found, facts(difference.metric).label
    amount = f"{label} {_signed(difference, found.mean)} ({_interval(difference)})"
    where = f"{found.photos} photos, {difference.protocol}, against {_against(difference)}"
    first, second, better = difference.first, difference.second, difference.better
    if better is None:
        return f"{second} and {first} cannot be told apart: {amount} on {where}."
    worse, share = first, difference.second_wins
    if better == first:
        worse, share = second, difference.first_wins
    return (
        f"{better} is better than {worse}, on {share:.0%} of the photos: "
        f"{second} less {first} is {amount} on {where}."
    )


def verdicts(comparison: Comparison) -> Iterator[str]:
    """A sentence for each pair, by PSNR where it is there, in the last group: native, if scored."""
    last = comparison.differences[-1]
    metric = comparison.differences[0].metric
    for d in comparison.differences:
        if (d.protocol, d.reference, d.metric) == (last.protocol, last.reference, metric):
            yield sentence(d)


def to_tables(comparison: Comparison) -> Iterator[Table]:
    """A table for each pair, protocol and reference, at most 80 columns wide but for labels."""
    for (first, second, protocol, _), group in groupby(
        comparison.differences, lambda d: (d.first, d.second, d.protocol, d.reference)
    ):
        found = list(group)
        against = _against(found[0])
        title = f"{second} less {first}: {protocol}, against {against}"
        table = Table(box=box.SIMPLE, padding=0, title=f"[bold]{title}", title_justify="left")
        table.add_column("", no_wrap=True)
        for heading in ("difference", "95 %", "wins", "photos"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("better")
        for d in found:
            table.add_row(
                facts(d.metric).label,
                _signed(d, d.found.mean),
                _interval(d),
                f"{d.second_wins:.0%}",
                str(d.found.photos),
                d.better or "–",
            )
        yield table


def notes(comparison: Comparison) -> Iterator[str]:
    """What is to be known beside the numbers."""
    fewest = min(d.found.photos for d in comparison.differences)
    if fewest < FEW:
        yield f"Of {fewest} photos an interval is too narrow; {FEW} or more give what it says."
    lacking = comparison.left_out
    if lacking:
        named = [f"{name} (not in {', '.join(labels)})" for name, labels in lacking.items()]
        more = f"; and {len(named) - NAMED} more" if len(named) > NAMED else ""
        yield f"{len(named)} left out: {'; '.join(named[:NAMED])}{more}"


def to_json(comparison: Comparison) -> str:
    """Strict JSON; what is not a finite number is null."""
    rows = [
        {**dataclasses.asdict(d), "better": d.better, "second_wins": d.second_wins}
        for d in comparison.differences
    ]
    for row in rows:
        row["found"] = {k: v if math.isfinite(v) else None for k, v in row["found"].items()}
    content = {"differences": rows, "left_out": comparison.left_out}
    return json.dumps(content, indent=1, allow_nan=False)


def _signed(difference: Difference, value: float) -> str:
    return f"{value:+.{facts(difference.metric).decimals + 1}f}"


def _interval(difference: Difference) -> str:
    if math.isnan(difference.found.low):
        return "–"
    ends = (difference.found.low, difference.found.high)
    return " … ".join(_signed(difference, end) for end in ends)


def _against(difference: Difference) -> str:
    return "the target without grain" if difference.reference == "clean" else "the target"
