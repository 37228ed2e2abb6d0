"""Curves over the steps of a run, and their data for the scripts that draw them."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

MOST_CURVE_POINTS = 2000
"""Most points of a curve."""
LEAST_CURVE_POINTS = 300
"""Points that a curve may always have."""
PAGE_POINTS = 150_000
"""Points of all curves of a page together, which take about 20 bytes each."""

_GAP = 2.5
"""Multiple of the usual distance between records beyond which a curve is interrupted."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values at steps, in ascending order of steps."""

    name: str
    steps: Sequence[int]
    values: Sequence[float | None]
    """None where a value is not finite or not known."""


@dataclasses.dataclass(frozen=True)
class Chart:
    """Curves with a common axis."""

    title: str
    curves: Sequence[Curve]
    unit: str = ""
    log: bool = False
    """True if the axis is logarithmic when the page opens."""

    @property
    def longest(self) -> int:
        """Number of points of the longest curve."""
        return max((len(curve.steps) for curve in self.curves), default=0)


def thin(curve: Curve, most: int) -> Curve:
    """Reduce a curve to at most `most` points without losing a peak or a gap.

    The points are divided into `most / 3` parts of equal size. Each part keeps its least and its
    greatest value, and a None where it has one.
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
    """Insert a None wherever the steps of a curve lie much further apart than usual."""
    if len(curve.steps) < 3:
        return curve
    apart = np.diff(curve.steps)
    usual = float(np.median(apart))
    steps, values = list(curve.steps), list(curve.values)
    for index in reversed(np.flatnonzero(apart > _GAP * usual)):
        steps.insert(index + 1, round(curve.steps[index] + usual))
        values.insert(index + 1, None)
    return Curve(curve.name, steps, values)


def points_each(charts: Sequence[Chart]) -> int:
    """Return the number of points that each curve may have on a page with all these charts."""
    curves = sum(len(chart.curves) for chart in charts)
    return min(MOST_CURVE_POINTS, max(LEAST_CURVE_POINTS, PAGE_POINTS // max(curves, 1)))


def to_data(id: str, chart: Chart, most: int) -> dict[str, object]:
    """Return the data that `charts.js` reads: values to six digits, at most `most` points each."""
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
