"""Tables of an evaluation for pages."""

import math

import numpy as np
import pytest
from made_evaluations import NAMES, evaluation_of

from cinegan_jax.evaluation.html_tables import score_tables, set_tables, worst_table
from cinegan_jax.evaluation.result import SetScore


def test_cells_hold_mean_median_and_interval() -> None:
    evaluation = evaluation_of()
    (table,) = score_tables(evaluation)
    psnr = [p.scores["psnr"] for p in evaluation.select(method="generator")]
    cell = dict(table.rows)["generator"][0]
    assert table.headings[0].label == "PSNR dB"
    assert "higher is better" in table.headings[0].help
    assert (cell.mean, cell.median) == (f"{np.mean(psnr):.2f}", f"{np.median(psnr):.2f}")
    assert float(cell.order) == pytest.approx(np.mean(psnr))
    low, high = map(float, cell.interval.split(" … "))
    assert low < np.mean(psnr) < high


def test_the_best_method_is_highlighted_oracles_aside() -> None:
    (table,) = score_tables(evaluation_of(affine=60.0))
    best = {
        heading.label: [method for method, cells in table.rows if cells[column].best]
        for column, heading in enumerate(table.headings)
    }
    assert list(best) == ["PSNR dB", "SSIM", "ΔE 76", "ΔE 2000"]
    assert all(methods == ["generator"] for methods in best.values())


def test_infinite_and_missing_scores_have_an_order() -> None:
    evaluation = evaluation_of(generator=math.inf, lut=math.nan)
    (table,) = score_tables(evaluation)
    orders = {method: cells[0].order for method, cells in table.rows}
    assert orders["generator"] == "Infinity"
    assert orders["fitted LUT"] == ""


def test_the_worst_photos_come_worst_first() -> None:
    evaluation = evaluation_of()
    table = worst_table(evaluation)
    scores = {p.name: p.scores["psnr"] for p in evaluation.select(method="generator")}
    assert [name for name, _ in table.rows] == sorted(NAMES, key=scores.get)[:10]
    assert table.method == "generator"


def test_sets_of_photos_have_a_table_of_their_own() -> None:
    score = SetScore("native", "target", "generator", 12, {"psnr": 30.125})
    (table,) = set_tables(evaluation_of(sets=(score,)))
    assert table.rows == (("generator", (("30.12", "30.125"),), 12),)
