"""Turning a picture upright as EXIF says."""

import numpy as np


def turned_upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """`samples` [h, w, ...] as they were seen, by EXIF's `orientation` 1..8 (EXIF 2.32, 4.6.4).

    The number says where row 0 and column 0 of the file lie in what was seen. Returns an array
    whose pixels lie in order.
    """
    rows_run_sideways = orientation >= 5
    if rows_run_sideways:
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return np.ascontiguousarray(samples)
