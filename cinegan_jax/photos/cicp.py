"""Colours that AVIF and HEIC name by numbers in place of a profile (ITU-T H.273)."""

import functools
import struct

import imagecodecs
import numpy as np

from cinegan_jax.photos.photo import Unsupported

_D65 = (0.3127, 0.3290, 1.0)
_PRIMARIES = {
    9: (0.708, 0.292, 1.0, 0.170, 0.797, 1.0, 0.131, 0.046, 1.0),  # BT.2020
    12: (0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0),  # Display P3
}
_HDR = (16, 18)
"""Transfer curves of PQ and HLG."""


def profile_of_numbers(data: bytes) -> bytes | None:
    """A profile for the numbers in an AVIF or HEIC file; None for sRGB or where it has none.

    Raises:
      Unsupported: HDR, whose levels mean other lights than those of a photograph.
    """
    start = data.find(b"colrnclx")
    if start < 0 or len(data) < start + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", data, start + 8)
    if transfer in _HDR:
        raise Unsupported("an HDR picture (PQ or HLG); save it in standard range first")
    return _profile(primaries) if primaries in _PRIMARIES else None


@functools.cache
def _profile(primaries: int) -> bytes:
    level = np.linspace(0, 1, 4096)
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return imagecodecs.cms_profile(
        "rgb",
        whitepoint=_D65,
        primaries=_PRIMARIES[primaries],
        transferfunction=light.astype(np.float32),
    )
