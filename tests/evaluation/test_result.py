import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore

ABOUT = About("run", "FilmSet", "Velvia")


def _evaluation(*scores: tuple[Any, ...]) -> Evaluation:
    return Evaluation(tuple(PhotoScore(*score) for score in scores), (), {}, 512, ABOUT)


@pytest.fixture
def evaluation() -> Evaluation:
    return _evaluation(
        ("b", "native", "target", "input", {"psnr": 20.0, "delta_e_76": 9.0}),
        ("a", "native", "target", "input", {"psnr": 25.0, "delta_e_76": 12.0}),
        ("c", "native", "target", "input", {"psnr": 30.0, "delta_e_76": 3.0}),
        ("a", "native", "clean", "generator", {"psnr": math.inf, "delta_e_76": 0.0}),
        ("b", "native", "clean", "generator", {"psnr": 30.0, "delta_e_76": math.nan}),
    )


def test_select_takes_all_fields_together(evaluation: Evaluation) -> None:
    assert evaluation.select(protocol="native") == evaluation.photos
    assert evaluation.select(protocol="native", method="input") == evaluation.photos[:3]
    assert evaluation.select(reference="clean", method="input") == ()


def test_summaries_are_those_of_numpy_with_student_s_interval(rng: np.random.Generator) -> None:
    values = rng.normal(25, 3, 40)
    found = _evaluation(
        *((str(i), "native", "target", "input", {"psnr": v}) for i, v in enumerate(values))
    )
    (summary,) = found.summaries(metric="psnr")
    assert summary.photos == 40
    assert summary.mean == pytest.approx(values.mean())
    assert summary.median == pytest.approx(np.median(values))
    assert summary.std == pytest.approx(values.std())
    reach = stats.t.ppf(0.975, 39) * stats.sem(values)
    assert summary.low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert summary.high == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_each_group_and_metric_has_a_summary(evaluation: Evaluation) -> None:
    keys = [(s.protocol, s.reference, s.method, s.metric) for s in evaluation.summaries()]
    assert keys == [
        ("native", "target", "input", "psnr"),
        ("native", "target", "input", "delta_e_76"),
        ("native", "clean", "generator", "psnr"),
        ("native", "clean", "generator", "delta_e_76"),
    ]


def test_an_infinite_score_makes_the_mean_infinite_and_its_interval_unknown(
    evaluation: Evaluation,
) -> None:
    (summary,) = evaluation.summaries(method="generator", metric="psnr")
    assert summary.mean == summary.median == math.inf
    assert all(map(math.isnan, (summary.std, summary.low, summary.high)))


def test_photos_without_a_score_are_left_out(evaluation: Evaluation) -> None:
    (summary,) = evaluation.summaries(method="generator", metric="delta_e_76")
    assert (summary.photos, summary.mean) == (1, 0.0)
    nothing = _evaluation(("a", "native", "target", "input", {"psnr": math.nan}))
    assert nothing.summaries()[0].photos == 0
    assert math.isnan(nothing.summaries()[0].mean)


def test_the_worst_come_first_by_the_metric_s_direction(evaluation: Evaluation) -> None:
    def names(metric: str, **more: int) -> list[str]:
        found = evaluation.worst("native", "target", "input", metric, **more)
        return [score.name for score in found]

    assert names("psnr") == ["b", "a", "c"]
    assert names("delta_e_76") == ["a", "b", "c"]
    assert names("psnr", count=1) == ["b"]


def test_photos_without_a_score_are_not_among_the_worst(evaluation: Evaluation) -> None:
    assert [s.name for s in evaluation.worst("native", "clean", "generator", "delta_e_76")] == ["a"]


def test_an_unknown_metric_is_an_error_that_lists_them(evaluation: Evaluation) -> None:
    with pytest.raises(UserError, match="'loudness' is not one of psnr, ssim"):
        evaluation.worst("native", "target", "input", "loudness")
