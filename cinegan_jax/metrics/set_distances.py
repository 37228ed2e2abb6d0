"""Distances between sets of images in any features: Frechet distance and kernel distance.

Frechet distance: Heusel et al., arXiv 1706.08500. Kernel distance: Binkowski et al., arXiv
1801.01401. They are called FID and KID in features of `nets.inception` only. In the features of an
untrained network (`metrics.feature_distance`), which need no weights file, they have other names
and can be compared only with each other.
"""

import dataclasses
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from cinegan_jax.core.types import Array
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.feature_distance import random_features
from cinegan_jax.metrics.streaming import Moments
from cinegan_jax.ops.images import to_unit

SUBSET_SIZE = 1000
"""Vectors in each of KID's subsets, as published."""
_SUBSETS = 100


def frechet_distance(moments: Moments, others: Moments) -> float:
    """Compute |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of two sets, as if each were Gaussian.

    In float64 on the host. The trace of the root is the sum of the roots of the eigenvalues of
    R C' R^T, where R^T R = C. That is real and stable for singular covariances too, which those of
    fewer vectors than dimensions always are, so nothing is added to their diagonals.

    Args:
        moments: of vectors [n, d], with n of 2 or more.
        others: of vectors [m, d].

    Raises:
        ValueError: the dimensions differ, or a set has fewer than two vectors.
    """
    if moments.mean.shape != others.mean.shape:
        raise ValueError(
            f"features of {len(moments.mean)} and {len(others.mean)} dimensions cannot be compared"
        )
    # The root of the smaller set has fewer rows; a reference's root serves all sets.
    fewer, more = (moments, others) if moments.count < others.count else (others, moments)
    squares = scipy.linalg.eigvalsh(fewer.root @ more.covariance @ fewer.root.T)
    cross = np.sqrt(np.maximum(squares, 0)).sum()
    spread = np.trace(moments.covariance) + np.trace(others.covariance) - 2 * cross
    step = moments.mean - others.mean
    return max(0.0, float(step @ step + spread))


class Kid(NamedTuple):
    """Mean and standard deviation of the kernel distance over random subsets.

    Where a set is smaller than a subset, all vectors make the only subset; the deviation is NaN.
    """

    mean: float
    std: float


def kid(
    features: Array,
    references: Array,
    *,
    seed: int = 0,
    subsets: int = _SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> Kid:
    """Compute the unbiased squared MMD under the kernel (x.y / d + 1)^3, over random subsets.

    Args:
        features: [n, d], with n of 2 or more.
        references: [m, d].
        seed: of the subsets, which are drawn from each set without replacement.
        subsets: number of subsets.
        subset_size: vectors in each.

    Raises:
        ValueError: the dimensions differ, or a set has fewer than two vectors.
    """
    sets = np.asarray(features, np.float32), np.asarray(references, np.float32)
    if sets[0].shape[1] != sets[1].shape[1] or min(map(len, sets)) < 2:
        raise ValueError(
            "KID compares two or more vectors of equal dimensions, got "
            f"{sets[0].shape} and {sets[1].shape}"
        )
    if min(map(len, sets)) < subset_size:
        return Kid(mmd_squared(*sets), float("nan"))
    draw = np.random.default_rng(seed)
    distances = [
        mmd_squared(*(rows[draw.choice(len(rows), subset_size, replace=False)] for rows in sets))
        for _ in range(subsets)
    ]
    return Kid(float(np.mean(distances)), float(np.std(distances)))


def mmd_squared(x: Array, y: Array) -> float:
    """Estimate the squared maximum mean discrepancy under KID's kernel, without bias.

    This is the U-statistic of Gretton et al. (JMLR 13, 2012), which may be negative.

    Args:
        x: [n, d], with n of 2 or more.
        y: [m, d].
    """
    within_x, within_y, between = (np.asarray(sums, np.float64).sum() for sums in _sums(x, y))
    n, m = len(x), len(y)
    return float(within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m))


@jax.jit
def _sums(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return row sums of the kernel within x and within y, without diagonals, and between them."""
    return (
        jnp.sum(_kernel(x, x) * (1 - jnp.eye(len(x))), axis=1),
        jnp.sum(_kernel(y, y) * (1 - jnp.eye(len(y))), axis=1),
        jnp.sum(_kernel(x, y), axis=1),
    )


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return KID's kernel minus 1, [n, m]: the estimate ignores the 1, which costs precision."""
    dot = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST) / x.shape[1]
    return dot * (3 + dot * (3 + dot))


@dataclasses.dataclass(frozen=True)
class RandomSet:
    """Features of a set of images from an untrained network.

    Attributes:
        features: float32 [n, d], see `random_features`.
    """

    features: np.ndarray

    @cached_property
    def moments(self) -> Moments:
        """Moments of the features."""
        return Moments.of(self.features)


def random_features_on_devices() -> OnDevices:
    """Return a function from images, uint8 [n, h, w, 3], to features [n, d], on all devices."""
    return OnDevices(lambda _, images: random_features(to_unit(images)))


def random_set_scores(images: RandomSet, references: RandomSet) -> dict[str, float]:
    """Compute both distances by their names in `SET_METRICS`; 0 is best.

    `feature_distance` is biased: it falls with the number of images, so compare it with that of
    equally many only. `kernel_distance` is unbiased and may be negative.

    Args:
        images: two or more.
        references: two or more, of the same size.
    """
    return {
        "feature_distance": frechet_distance(images.moments, references.moments),
        "kernel_distance": kid(images.features, references.features).mean,
    }
