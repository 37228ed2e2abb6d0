"""KID, against a double loop and in closed form."""

import itertools

import numpy as np
import pytest

from cinegan_jax.metrics.set_distances import kid, mmd_squared


def kernel(a: np.ndarray, b: np.ndarray) -> float:
    return (float(np.dot(a, b)) / len(a) + 1) ** 3


def mmd_by_loops(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(float), y.astype(float)
    within = [
        np.mean(
            [kernel(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        )
        for rows in (x, y)
    ]
    return sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def features(rng: np.random.Generator, count: int, shift: float = 0.0) -> np.ndarray:
    """Positive, as those of Inception are."""
    return np.abs(rng.normal(0.4 + shift, 0.3, (count, 16))).astype(np.float32)


@pytest.mark.parametrize("counts", [(2, 2), (9, 9), (12, 5)])
def test_estimate_agrees_with_a_double_loop(
    rng: np.random.Generator, counts: tuple[int, int]
) -> None:
    x, y = features(rng, counts[0]), features(rng, counts[1], 0.1)
    assert mmd_squared(x, y) == pytest.approx(mmd_by_loops(x, y), abs=1e-6)


def test_estimate_is_unbiased(rng: np.random.Generator) -> None:
    """Over all ways to draw two of three points a side, its mean is the squared MMD of the six.

    Points are drawn with equal chances and put back, so that they are independent.
    """
    x, y = features(rng, 3), features(rng, 3, 0.3)
    within, other = (np.mean([kernel(a, b) for a in rows for b in rows]) for rows in (x, y))
    expected = within + other - 2 * np.mean([kernel(a, b) for a in x for b in y])
    pairs = list(itertools.product(range(3), repeat=2))
    estimates = [mmd_squared(x[list(i)], y[list(j)]) for i in pairs for j in pairs]
    assert np.mean(estimates) == pytest.approx(expected, rel=1e-5)
    assert np.std(estimates) > 0.1 * expected


def test_subsets_are_drawn_from_each_set_without_putting_back(rng: np.random.Generator) -> None:
    x, y = features(rng, 30), features(rng, 40, 0.1)
    draw = np.random.default_rng(5)
    expected = [
        mmd_by_loops(x[draw.choice(30, 8, replace=False)], y[draw.choice(40, 8, replace=False)])
        for _ in range(6)
    ]
    got = kid(x, y, seed=5, subsets=6, subset_size=8)
    assert got == pytest.approx((np.mean(expected), np.std(expected)), abs=1e-6)
    assert got == kid(x, y, seed=5, subsets=6, subset_size=8)
    assert got != kid(x, y, seed=6, subsets=6, subset_size=8)


def test_large_features_keep_their_precision(rng: np.random.Generator) -> None:
    """Vectors of Inception's number and length in float32, compared with float64."""
    x = np.abs(rng.normal(0.3, 0.4, (500, 2048))).astype(np.float32)
    y = np.abs(rng.normal(0.31, 0.4, (500, 2048))).astype(np.float32)
    kernels = [
        (a.astype(float) @ b.T.astype(float) / 2048 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))
    ]
    within = [(k.sum() - np.trace(k)) / (500 * 499) for k in kernels[:2]]
    expected = sum(within) - 2 * kernels[2].mean()
    assert mmd_squared(x, y) == pytest.approx(expected, rel=1e-3)


def test_sets_smaller_than_a_subset_are_compared_whole(rng: np.random.Generator) -> None:
    x, y = features(rng, 12), features(rng, 20, 0.1)
    got = kid(x, y)
    assert got.mean == pytest.approx(mmd_by_loops(x, y), abs=1e-6)
    assert np.isnan(got.std)
    assert not np.isnan(kid(x, y, subset_size=12).std)


def test_sets_without_a_distance(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"\(1, 16\) and \(5, 16\)"):
        kid(features(rng, 1), features(rng, 5))
    with pytest.raises(ValueError, match=r"\(5, 16\) and \(5, 8\)"):
        kid(features(rng, 5), features(rng, 5)[:, :8])
