"""The Fréchet distance, against SciPy's matrix root and closed forms for Gaussians."""

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg

from cinegan_jax.metrics.set_distances import frechet_distance
from cinegan_jax.metrics.streaming import Moments


def with_moments(mean: npt.ArrayLike, covariance: npt.ArrayLike, count: int = 1000) -> Moments:
    return Moments(count, np.asarray(mean, float), np.asarray(covariance) * (count - 1))


def distance_by_scipy(first: Moments, second: Moments) -> float:
    root = scipy.linalg.sqrtm(first.covariance @ second.covariance)
    spread = np.trace(first.covariance + second.covariance - 2 * np.real(root))
    return np.sum((first.mean - second.mean) ** 2) + spread


def random_covariance(rng: np.random.Generator, d: int) -> np.ndarray:
    factor = rng.normal(size=(d, 2 * d)) * np.logspace(0, -3, d)[:, None]
    return factor @ factor.T


@pytest.mark.parametrize("d", [1, 2, 33])
def test_agrees_with_the_root_of_scipy(rng: np.random.Generator, d: int) -> None:
    first, second = (with_moments(rng.normal(size=d), random_covariance(rng, d)) for _ in range(2))
    expected = distance_by_scipy(first, second)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


def test_of_vectors_agrees_with_scipy(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(200, 10)), rng.gamma(2, size=(300, 10)) @ rng.normal(size=(10, 10))
    first, second = Moments.of(x), Moments.of(y)
    product = np.cov(x.T) @ np.cov(y.T)
    spread = np.trace(np.cov(x.T) + np.cov(y.T) - 2 * scipy.linalg.sqrtm(product).real)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + spread
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_equal_covariances_leave_the_means(rng: np.random.Generator) -> None:
    covariance, means = random_covariance(rng, 20), rng.normal(size=(2, 20))
    got = frechet_distance(*(with_moments(mean, covariance) for mean in means))
    assert got == pytest.approx(np.sum((means[0] - means[1]) ** 2), rel=1e-9)


def test_commuting_covariances(rng: np.random.Generator) -> None:
    """With common axes the deviations along them count like means."""
    axes, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    variances = rng.uniform(0.1, 4, (2, 12))
    sets = [with_moments(np.zeros(12), axes * each @ axes.T) for each in variances]
    expected = np.sum(np.square(np.sqrt(variances[0]) - np.sqrt(variances[1])))
    assert frechet_distance(*sets) == pytest.approx(expected, rel=1e-9)


def test_one_dimension() -> None:
    first, second = with_moments([1.0], [[4.0]]), with_moments([4.0], [[0.25]])
    assert frechet_distance(first, second) == pytest.approx((1 - 4) ** 2 + (2 - 0.5) ** 2)


def test_fewer_vectors_than_dimensions(rng: np.random.Generator) -> None:
    """The root's trace is the sum of singular values of deviations times deviations."""
    x, y = rng.normal(size=(7, 40)), 2 * rng.normal(size=(25, 40)) + 1
    centred = [(rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (x, y)]
    cross = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    spread = sum(np.sum(rows**2) for rows in centred) - 2 * cross
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + spread
    first, second = Moments.of(x), Moments.of(y)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


def test_a_set_and_itself(rng: np.random.Generator) -> None:
    for count in (5, 500):
        moments = Moments.of(rng.normal(size=(count, 30)))
        assert 0 <= frechet_distance(moments, moments) < 1e-6


def test_sets_without_a_distance(rng: np.random.Generator) -> None:
    three, four = (Moments.of(rng.normal(size=(9, d))) for d in (3, 4))
    with pytest.raises(ValueError, match="3 and 4 dimensions"):
        frechet_distance(three, four)
    with pytest.raises(ValueError, match="two vectors or more, there is 1"):
        frechet_distance(three, Moments.of(np.zeros((1, 3))))
