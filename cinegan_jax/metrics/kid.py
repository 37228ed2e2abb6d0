"""Kernel Inception distance (Bińkowski, Sutherland, Arbel and Gretton, arXiv 1801.01401).

It is called KID only where the features are those of `nets.inception`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.types import Array

SUBSETS, SUBSET_SIZE = 100, 1000


class Kid(NamedTuple):
    """Mean and standard deviation of the distance over random subsets.

    Where a set is smaller than a subset, there is but one, of everything, and the deviation is NaN.
    """

    mean: float
    std: float


def kid(
    features: Array,
    references: Array,
    *,
    seed: int = 0,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> Kid:
    """Unbiased squared MMD under the kernel (x.y / d + 1)^3, over subsets as published.

    Args:
        features: [n, d], with n of 2 or more.
        references: [m, d].
        seed: of the subsets, which are drawn without putting back, from each set its own.
        subsets: how many.
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
    """Unbiased estimate of the squared maximum mean discrepancy under KID's kernel.

    The U-statistic of Gretton et al. (JMLR 13, 2012), which may be negative.

    Args:
        x: [n, d], with n of 2 or more.
        y: [m, d].
    """
    within_x, within_y, between = (np.asarray(sums, np.float64).sum() for sums in _sums(x, y))
    n, m = len(x), len(y)
    return float(within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m))


@jax.jit
def _sums(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Rows' sums of the kernel within x, within y, both without the diagonal, and between them."""
    return (
        jnp.sum(_kernel(x, x) * (1 - jnp.eye(len(x))), axis=1),
        jnp.sum(_kernel(y, y) * (1 - jnp.eye(len(y))), axis=1),
        jnp.sum(_kernel(x, y), axis=1),
    )


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    """KID's kernel less 1, which the estimate does not see and float32 does: [n, m]."""
    dot = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST) / x.shape[1]
    return dot * (3 + dot * (3 + dot))
