"""How far two trees of arrays are apart."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np


def largest_gap(one: Any, other: Any, skip: Callable[[Sequence[Any]], bool] | None = None) -> float:
    """The largest absolute difference over all leaves whose path `skip` lets through."""

    def gap(path: Sequence[Any], a: Any, b: Any) -> float:
        return 0.0 if skip and skip(path) else float(np.abs(np.float64(a) - b).max())

    return max(jax.tree.leaves(jax.tree_util.tree_map_with_path(gap, one, other)))


def bias_before_norm(path: Sequence[Any]) -> bool:
    """Whether a leaf is a convolution's bias that instance norm takes out again.

    Its true gradient is zero, and Adam makes full steps of the rounding. A critic's first
    convolution has no norm, and where a pixel shuffle lies between, four biases meet in a channel.
    """
    keys = [str(getattr(key, "key", key)) for key in path]
    if keys[-1] != "bias" or "norm" in keys[-2] or keys[-2] in ("output", "logits"):
        return False
    if "critics" in keys:
        return keys[-2] != "conv1"
    return keys[-2] == "conv" and not keys[-3].startswith("up")
