"""Conversion of floating-point samples to 16 bits."""

from typing import Any

import numpy as np

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.photo import Unsupported

_CLIPPED_SHARE = 0.5
"""Share of samples above 1 from which a file cannot be a photo in 0..1."""
_CLIPPED = 1e-4
"""Distance from 0..1 that is not worth a note."""


def sixteen_bits_of_floats(samples: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Convert floating-point samples [h, ...], of which 1 is the maximum, to uint16.

    Returns:
      The samples, and remarks for the user.

    Raises:
      Unsupported: most samples are above 1, as in files with levels up to 255 or 65535.
    """
    result = np.empty(samples.shape, np.uint16)
    above = below = 0
    for rows in bands(samples):
        band = np.nan_to_num(samples[rows].astype(np.float32), nan=0.0)
        above += int((band > 1 + _CLIPPED).sum())
        below += int((band < -_CLIPPED).sum())
        result[rows] = np.rint(np.clip(band, 0, 1) * np.float32(65535))
    if above > _CLIPPED_SHARE * samples.size:
        raise Unsupported(
            f"floating-point levels up to {np.nanmax(samples):g}; save it with levels from 0 to 1"
        )
    notes: tuple[str, ...] = ("has floating-point samples; the result has 16 bits",)
    if above or below:
        share = 100 * (above + below) / samples.size
        notes += (f"{share:.2g} % of its levels are outside 0 to 1 and are clipped",)
    return result, notes
