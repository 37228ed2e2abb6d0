import numpy as np
import pytest
from scipy import stats

from cinegan_jax.evaluation.intervals import mean_interval, paired_difference


def test_it_is_the_mean_of_differences_with_student_s_interval_for_normal_ones(
    rng: np.random.Generator,
) -> None:
    others = rng.normal(30, 5, 400)
    scores = others + rng.normal(0.2, 1, 400)
    found = paired_difference(scores, others)
    student = stats.ttest_rel(scores, others).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(scores - others))
    assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=0.02)
    assert found.larger == np.mean(scores > others)
    assert found.larger + found.smaller == 1


def test_the_difficulty_of_photos_cancels(rng: np.random.Generator) -> None:
    others = rng.normal(30, 5, 50)
    found = paired_difference(others + 0.5 + rng.normal(0, 0.1, 50), others)
    assert found.significant
    assert found.high - found.low < 0.1
    low, high = mean_interval(others)
    assert high - low > 1


def test_equal_scores_are_not_significant(rng: np.random.Generator) -> None:
    scores = np.append(rng.normal(size=20), np.inf)
    found = paired_difference(scores, scores)
    assert (found.mean, found.low, found.high, found.larger, found.smaller) == (0, 0, 0, 0, 0)
    assert not found.significant


def test_noise_is_significant_about_once_in_twenty(rng: np.random.Generator) -> None:
    pairs = rng.normal(size=(300, 2, 16))
    significant = [paired_difference(*pair, resamples=500).significant for pair in pairs]
    assert 0.015 < np.mean(significant) < 0.1


def test_a_photo_without_both_scores_is_left_out() -> None:
    found = paired_difference(np.array([1.0, np.nan, 4.0]), np.array([0.0, 0.0, np.nan]))
    assert (found.photos, found.mean) == (1, 1.0)
    assert not found.significant
    nothing = paired_difference(np.array([np.nan]), np.array([1.0]))
    assert nothing.photos == 0
    assert np.isnan(nothing.mean)


def test_arrays_that_are_not_paired_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\)"):
        paired_difference(np.zeros(2), np.zeros(3))
