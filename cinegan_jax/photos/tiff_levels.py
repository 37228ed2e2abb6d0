"""Conversion of a TIFF's samples, whatever their type, to 8 or 16 bits that fill the range."""

import numpy as np
from tifffile import TiffPage

from cinegan_jax.photos.float_levels import sixteen_bits_of_floats
from cinegan_jax.photos.levels import full_range
from cinegan_jax.photos.photo import Unsupported


def to_eight_or_sixteen_bits(
    page: TiffPage, samples: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Convert samples [h, w, channels] to uint8 or uint16 whose maximum stands for 1.

    Integers are scaled by their bits per sample, floating point by 1.

    Returns:
      The samples, and remarks for the user.

    Raises:
      Unsupported: signed integers other than small grey levels, or floating point far above 1.
    """
    if samples.dtype.kind == "f":
        return sixteen_bits_of_floats(samples)
    bits = 1 if samples.dtype == np.bool_ else int(page.bitspersample)
    if samples.dtype.kind == "i":
        return _from_signed(samples), ()
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if samples.itemsize > 2:
        return _from_wide(samples, bits), ()
    return full_range(samples, bits), ()


def _from_wide(samples: np.ndarray, bits: int) -> np.ndarray:
    """Reduce 17 to 64 bits to 16; levels that all fit into 16 bits are taken as they are."""
    if samples.max() <= 65535:
        return samples.astype(np.uint16)
    return (samples >> samples.dtype.type(bits - 16)).astype(np.uint16)


def _from_signed(samples: np.ndarray) -> np.ndarray:
    least, most = int(samples.min()), int(samples.max())
    if least < 0 or most > 65535 or samples.shape[-1] > 1:
        raise Unsupported(
            f"a TIFF of signed integers from {least} to {most}, which is not supported; "
            "save it with 8 or 16 bits without sign"
        )
    return samples.astype(np.uint16)
