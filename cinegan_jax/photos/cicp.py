"""Colour spaces that AVIF and HEIC name by code points instead of a profile (ITU-T H.273)."""

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
"""Transfer characteristics of PQ and HLG."""


def profile_of_code_points(data: bytes) -> bytes | None:
    """Return an ICC profile for the code points of an AVIF or HEIC file.

    Returns:
      None for sRGB, or where the file has no code points.

    Raises:
      Unsupported: an HDR image, whose levels are not those of a standard photograph.
    """
    start = data.find(b"colrnclx")
    if start < 0 or len(data) < start + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", data, start + 8)
    if transfer in _HDR:
        raise Unsupported("an HDR image (PQ or HLG); save it in standard range first")
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
