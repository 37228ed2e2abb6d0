"""Types of arrays that modules exchange, and the convention for image ranges.

Images are NHWC with three channels, sRGB-encoded, in one of three ranges:

- *uint8*: integers 0..255, on disk and in transfers to the device;
- *signed*: floats -1..1, at the inputs and outputs of networks and in losses;
- *unit*: floats 0..1, in colour science, LUTs and metrics.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

Array = jax.Array | np.ndarray
"""A JAX or numpy array."""

Images = Array
"""Images [n, h, w, 3]; the docstring of each function states the range."""

Batch = Mapping[str, Array]
"""One minibatch: `target`, real images, uint8 [n, h, w, 3]; for pairs also `input`, the same."""

Params = Mapping[str, Any]
"""Parameters of a network: a nested mapping of float arrays."""

Scalar = jax.Array
"""An array of shape []."""
