"""Curves, thinned out and broken at gaps."""

import numpy as np
import pytest

from cinegan_jax.pages.curves import (
    LEAST_CURVE_POINTS,
    MOST_CURVE_POINTS,
    PAGE_POINTS,
    Chart,
    Curve,
    points_each,
    thin,
    to_data,
    with_gaps,
)


def test_a_short_curve_stays_as_it_is() -> None:
    curve = Curve("a", [1, 2, 3], [0.5, None, 2.0])
    assert thin(curve, 3) is curve


@pytest.mark.parametrize("most", [30, 300, 301])
def test_no_peak_and_no_gap_is_lost(rng: np.random.Generator, most: int) -> None:
    values = rng.normal(size=5000).tolist()
    peaks = rng.choice(5000, 5, replace=False)
    for index in peaks:
        values[index] = 100.0 + index
    values[777] = None
    curve = Curve("noise", list(range(0, 50_000, 10)), values)
    found = thin(curve, most)
    assert len(found.steps) <= most
    points = dict(zip(curve.steps, curve.values, strict=True))
    assert all(points[s] == v for s, v in zip(found.steps, found.values, strict=True))
    assert sorted(found.steps) == list(found.steps)
    known = [v for v in values if v is not None]
    assert max(known) in found.values
    assert min(known) in found.values
    assert None in found.values
    # Each stretch of the curve keeps its range: that is what a person sees of it.
    stretch = len(values) // (most // 3) + 1
    for start in range(0, 5000, 500):
        part = [v for v in values[start : start + 500] if v is not None]
        near = range(10 * (start - stretch), 10 * (start + 500 + stretch))
        kept = [v for s, v in zip(found.steps, found.values, strict=True) if s in near and v]
        assert max(kept) >= max(part)
        assert min(kept) <= min(part)


def test_a_stretch_without_any_number_stays_a_gap() -> None:
    values = [1.0] * 50 + [None] * 50 + [2.0] * 50
    found = thin(Curve("a", list(range(150)), values), 30)
    assert {v for s, v in zip(found.steps, found.values, strict=True) if 55 < s < 95} == {None}


def test_missing_records_break_a_curve() -> None:
    curve = Curve("a", [10, 20, 30, 70, 80, 100], [1, 2, 3, 4, 5, 6])
    found = with_gaps(curve)
    assert found.steps == [10, 20, 30, 40, 70, 80, 100]
    assert found.values == [1, 2, 3, None, 4, 5, 6]


def test_all_curves_of_a_page_share_its_points() -> None:
    def charts(curves: int) -> list[Chart]:
        return [Chart("t", [Curve("a", [], [])]) for _ in range(curves)]

    assert points_each(charts(0)) == points_each(charts(10)) == MOST_CURVE_POINTS
    assert points_each(charts(PAGE_POINTS // 500)) == 500
    assert points_each(charts(PAGE_POINTS // LEAST_CURVE_POINTS * 2)) == LEAST_CURVE_POINTS


def test_values_that_are_not_finite_are_not_drawn() -> None:
    chart = Chart("t", [Curve("a", [1, 2, 3], [np.inf, np.nan, 0.123456789])], unit="dB", log=True)
    assert to_data("chart-1", chart, 100) == {
        "id": "chart-1",
        "unit": "dB",
        "log": True,
        "curves": [{"name": "a", "steps": [1, 2, 3], "values": [None, None, 0.123457]}],
    }
