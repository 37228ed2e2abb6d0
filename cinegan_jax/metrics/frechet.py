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
    # The root of the smaller set has fewer rows; that of a reference serves all sets held to it.
    fewer, more = (moments, others) if moments.count < others.count else (others, moments)
    squares = scipy.linalg.eigvalsh(fewer.root @ more.covariance @ fewer.root.T)
    cross = np.sqrt(np.maximum(squares, 0)).sum()
    spread = np.trace(moments.covariance) + np.trace(others.covariance) - 2 * cross
    step = moments.mean - others.mean
    return max(0.0, float(step @ step + spread))
