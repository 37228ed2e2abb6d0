"""Curves over the steps of a run, and the charts that scripts draw of them."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

MOST_POINTS = 2000
"""Of a curve."""
LEAST_POINTS = 300
"""That a curve may always have."""
PAGE_POINTS = 150_000
"""Of all curves of a page together, which take some 20 bytes each."""

GAP = 2.5
"""Times the usual distance of two records; where they lie further apart, the curve breaks."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values at steps, in order."""

    name: str
    steps: Sequence[int]
    values: Sequence[float | None]
    """None: not finite, or nothing known."""


@dataclasses.dataclass(frozen=True)
class Chart:
    """Curves that share an axis."""

    title: str
    curves: Sequence[Curve]
    unit: str = ""
    log: bool = False
    """Begin with a logarithmic axis."""

    @property
    def longest(self) -> int:
        """The points of its longest curve."""
        return max((len(curve.steps) for curve in self.curves), default=0)


def thin(curve: Curve, most: int) -> Curve:
    """At most `most` points that look the same as all.

    The points are cut into `most / 3` stretches of equal numbers; of each the least and the
    greatest value stay, and a None where it has one, so that no peak and no gap is lost.
    """
    if len(curve.steps) <= most:
        return curve
    values = np.array([math.nan if v is None else v for v in curve.values], np.float64)
    kept: list[int] = []
    for part in np.array_split(np.arange(len(values)), most // 3):
        unknown = np.isnan(values[part])
        ends = {int(part[unknown][0])} if unknown.any() else set()
        if not unknown.all():
            known = part[~unknown]
            ends |= {int(known[values[known].argmin()]), int(known[values[known].argmax()])}
        kept += sorted(ends)
    return Curve(curve.name, [curve.steps[i] for i in kept], [curve.values[i] for i in kept])


def with_gaps(curve: Curve) -> Curve:
    """The curve with a None wherever its steps lie much further apart than usual."""
    if len(curve.steps) < 3:
        return curve
    apart = np.diff(curve.steps)
    usual = float(np.median(apart))
    steps, values = list(curve.steps), list(curve.values)
    for index in reversed(np.flatnonzero(apart > GAP * usual)):
        steps.insert(index + 1, round(curve.steps[index] + usual))
        values.insert(index + 1, None)
    return Curve(curve.name, steps, values)


def points_each(charts: Sequence[Chart]) -> int:
    """How many points a curve may have on a page with all these charts."""
    curves = sum(len(chart.curves) for chart in charts)
    return min(MOST_POINTS, max(LEAST_POINTS, PAGE_POINTS // max(curves, 1)))


def to_data(id: str, chart: Chart, most: int) -> dict[str, object]:
    """What `charts.js` reads: values to six digits, curves of at most `most` points."""
    curves = [thin(with_gaps(curve), most) for curve in chart.curves]
    return {
        "id": id,
        "unit": chart.unit,
        "log": chart.log,
        "curves": [
            {"name": c.name, "steps": list(c.steps), "values": [_short(v) for v in c.values]}
            for c in curves
        ],
    }


def _short(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")
