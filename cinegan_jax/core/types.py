"""Names for the arrays that cross module borders, and the image-range convention, said once.

Pictures are NHWC with three channels, sRGB-encoded, in one of three ranges:

- *uint8*: integers 0..255, on disk and over the wire to the device;
- *signed*: floats -1..1, in and out of the networks and in the losses;
- *unit*: floats 0..1, in colour science, LUTs and metrics.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

Array = jax.Array | np.ndarray
Images = Array
"""Pictures [n, h, w, 3]; the range stands in the docstring of whatever takes them."""

Batch = Mapping[str, Array]
"""One minibatch: `target`, the real pictures, uint8 [n, h, w, 3]; of pairs also `input`, alike."""

Params = Mapping[str, Any]
"""A nested mapping of float arrays."""

Scalar = jax.Array
