"""Distances of sets in random features, against SciPy and a double loop."""

import numpy as np
import pytest
import scipy.linalg

from cinegan_jax.metrics.feature_distance import random_features
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)


def made_images(rng: np.random.Generator, count: int, brightest: int = 256) -> np.ndarray:
    return rng.integers(0, brightest, (count, 9, 8, 3), np.uint8)


def test_features_are_those_of_images_in_unit_range(rng: np.random.Generator) -> None:
    """Though they go through in batches on all devices."""
    batch = made_images(rng, 70)
    expected = random_features(batch.astype(np.float32) / 255)
    np.testing.assert_allclose(random_features_on_devices()(batch), expected, rtol=1e-5, atol=1e-6)


def test_distances_agree_with_their_definitions(rng: np.random.Generator) -> None:
    # Of more vectors than dimensions, so that SciPy's root is of a regular matrix.
    x, y = (np.abs(rng.normal(mean, 0.3, (n, 6))) for mean, n in ((0.4, 40), (0.5, 30)))
    scores = random_set_scores(*(RandomSet(rows.astype(np.float32)) for rows in (x, y)))
    covariances = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    frechet = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(sum(covariances) - 2 * root)
    assert scores["feature_distance"] == pytest.approx(frechet, rel=1e-5)
    kernels = {
        (i, j): (np.asarray(a) @ np.asarray(b).T / 6 + 1) ** 3
        for i, a in enumerate((x, y))
        for j, b in enumerate((x, y))
    }
    within = [
        (kernels[i, i].sum() - np.trace(kernels[i, i])) / (n * (n - 1))
        for i, n in enumerate((40, 30))
    ]
    expected = sum(within) - 2 * kernels[0, 1].mean()
    assert scores["kernel_distance"] == pytest.approx(expected, abs=1e-5)


def test_a_collapsed_set_is_far_from_a_varied_one(rng: np.random.Generator) -> None:
    """Both distances are far smaller for equally many images of the same kind."""
    features = random_features_on_devices()
    references, alike = (RandomSet(features(made_images(rng, 64))) for _ in range(2))
    collapsed = RandomSet(features(np.repeat(made_images(rng, 1), 64, axis=0)))
    near, far = (random_set_scores(each, references) for each in (alike, collapsed))
    assert near["feature_distance"] < far["feature_distance"] / 2
    assert abs(near["kernel_distance"]) < far["kernel_distance"] / 10
