import numpy as np
import pytest
from scipy import stats

from cinegan_jax.evaluation.intervals import mean_interval


def test_for_many_values_it_is_the_normal_interval(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, 1000)
    low, high = mean_interval(values)
    reach = 1.959964 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - reach, abs=0.05 * reach)
    assert high == pytest.approx(values.mean() + reach, abs=0.05 * reach)


@pytest.mark.parametrize("count", [8, 20])
def test_it_holds_the_mean_of_normal_values_19_times_in_20(
    rng: np.random.Generator, count: int
) -> None:
    """2,000 samples: the share found has a standard deviation of 0.5 %."""
    low, high = mean_interval(rng.normal(1, 3, (2000, count)), resamples=1000)
    assert np.mean((low <= 1) & (high >= 1)) == pytest.approx(0.95, abs=0.02)


def test_for_few_values_it_is_about_as_wide_as_student_s(rng: np.random.Generator) -> None:
    values = rng.normal(size=(500, 12))
    low, high = mean_interval(values, resamples=2000)
    student = 2 * stats.t.ppf(0.975, 11) * stats.sem(values, axis=-1)
    assert np.mean((high - low) / student) == pytest.approx(1, abs=0.03)


def test_plain_percentiles_lie_within(rng: np.random.Generator) -> None:
    values = rng.exponential(size=10)
    inner = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    low, high = mean_interval(values)
    assert low < inner.low < values.mean() < inner.high < high


def test_the_same_seed_gives_the_same_interval(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 9))
    assert np.array_equal(mean_interval(values), mean_interval(values))
    assert not np.array_equal(mean_interval(values), mean_interval(values, seed=1))


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert mean_interval(np.full(7, 2.5)) == (2.5, 2.5)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.inf, 2.0]])
def test_where_there_is_no_interval_it_is_nan(values: np.ndarray) -> None:
    assert np.all(np.isnan(mean_interval(np.array(values))))


def test_a_row_without_an_interval_leaves_the_others_theirs(rng: np.random.Generator) -> None:
    rows = np.stack([rng.normal(size=6), np.full(6, np.inf)])
    low, high = mean_interval(rows)
    assert np.isnan([low[1], high[1]]).all()
    np.testing.assert_allclose((low[0], high[0]), mean_interval(rows[0]))
