"""The Fréchet distance of two sets of features.

It is called FID only where the features are those of `nets.inception` (Heusel et al., arXiv
1706.08500).
"""

import numpy as np
import scipy.linalg

from cinegan_jax.metrics.streaming import Moments


def frechet_distance(moments: Moments, others: Moments) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of two sets, as if each were Gaussian.

    In float64 on the host. The root's trace is the sum of the roots of the eigenvalues of R C' R^T,
    where R^T R = C: real and stable also where covariances are singular, as those of fewer vectors
    than dimensions always are, so nothing is added to their diagonals.

    Args:
        moments: of vectors [n, d], with n of 2 or more.
        others: of vectors [m, d].

    Raises:
        ValueError: the dimensions differ, or a set has fewer than two vectors.
    """
    if moments.mean.shape != others.mean.shape:
        raise ValueError(
            f"features of {len(moments.mean)} and {len(others.mean)} dimensions have no distance"
        )
    fewer, more = sorted((moments, others), key=lambda m: m.count)
    root = _root(fewer)
    squares = scipy.linalg.eigvalsh(root @ more.covariance @ root.T)
    cross = np.sqrt(np.maximum(squares, 0)).sum()
    spread = np.trace(moments.covariance) + np.trace(others.covariance) - 2 * cross
    step = moments.mean - others.mean
    return max(0.0, float(step @ step + spread))


def _root(moments: Moments) -> np.ndarray:
    """R [rank, d] with R^T R = the covariance, whose rank is less than the number of vectors."""
    d = len(moments.mean)
    rank = min(d, moments.count - 1)
    values, vectors = scipy.linalg.eigh(moments.covariance, subset_by_index=(d - rank, d - 1))
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
