"""Resampling of photos to another size, in memory that does not grow with the photo."""

import numpy as np
import scipy.sparse

from cinegan_jax.inference.lazy_image import AnyImage
from cinegan_jax.ops.images import white_level

_ROWS_AT_ONCE = 32
"""Number of rows of the result that are computed together."""


def resize(photo: AnyImage, height: int, width: int) -> np.ndarray:
    """Resample a photo to another size, with antialiasing.

    Each pixel is a tent-weighted mean: bilinear interpolation where the photo grows, and a tent
    that is wider by the scale where it shrinks.

    Args:
      photo: uint8, uint16 or unit floats [h, w, c].
      height, width: of the result.

    Returns:
      Unit float32 [height, width, c].
    """
    down, along = interpolation(photo.shape[0], height), interpolation(photo.shape[1], width)
    small = np.empty((height, width, photo.shape[2]), np.float32)
    for top in range(0, height, _ROWS_AT_ONCE):
        part = down[top : top + _ROWS_AT_ONCE]
        first, last = part.indices.min(), part.indices.max() + 1
        rows = photo[first:last].astype(np.float32).reshape(last - first, -1)
        band = (part[:, first:last] @ rows).reshape(part.shape[0], *photo.shape[1:])
        for row in range(len(band)):
            small[top + row] = along @ band[row]
    return small / white_level(photo.dtype)


def interpolation(old: int, new: int) -> scipy.sparse.csr_matrix:
    """Return the weight of each old pixel in each new one, [new, old]; rows sum to 1."""
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale - 0.5
    steps = np.arange(int(np.ceil(2 * reach)) + 1)
    columns = np.ceil(centres - reach)[:, None] + steps
    shares = np.maximum(1.0 - np.abs(columns - centres[:, None]) / reach, 0.0)
    shares *= (columns >= 0) & (columns < old)
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(new), len(steps))
    columns = np.clip(columns, 0, old - 1).astype(int).ravel()
    kept = shares.ravel() > 0
    return scipy.sparse.csr_matrix(
        (shares.ravel()[kept].astype(np.float32), (rows[kept], columns[kept])), shape=(new, old)
    )
