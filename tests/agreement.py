"""Differences between two trees of arrays."""

from typing import Any

import jax
import numpy as np


def largest_gap(first: Any, second: Any) -> float:
    """Return the largest absolute difference over all leaves."""
    gaps = jax.tree.map(lambda a, b: float(np.abs(np.float64(a) - b).max()), first, second)
    return max(jax.tree.leaves(gaps))
