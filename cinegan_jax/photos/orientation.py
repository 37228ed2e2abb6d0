"""Rotation and mirroring of images to the upright orientation."""

import numpy as np


def turned_upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Turn samples [h, w, ...] upright by their EXIF orientation 1..8 (EXIF 2.32, 4.6.4).

    The number states where row 0 and column 0 of the file lie in the upright image. The result is
    contiguous.
    """
    rows_run_sideways = orientation >= 5
    if rows_run_sideways:
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return _in_order(samples)


def _in_order(samples: np.ndarray) -> np.ndarray:
    """Return a contiguous array; copying a transposed image by channels is 4 times faster."""
    if samples.ndim < 3 or samples.flags.c_contiguous:
        return np.ascontiguousarray(samples)
    result = np.empty(samples.shape, samples.dtype)
    for channel in range(samples.shape[-1]):
        result[..., channel] = samples[..., channel]
    return result
