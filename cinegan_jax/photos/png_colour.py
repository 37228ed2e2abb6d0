"""Colour space of a PNG by its chunks: cICP before iCCP, sRGB, and gAMA with cHRM.

This is the order of the PNG specification (third edition, 4.3).
"""

import struct
from collections.abc import Iterable

import imagecodecs

from cinegan_jax.photos import cicp
from cinegan_jax.photos.photo import Unsupported
from cinegan_jax.photos.profile_builders import SRGB, Chromaticities, matrix_profile

_SRGB_GAMMA = 0.45455
_SAME_GAMMA = 0.005
"""Encoders round sRGB's gamma to 0.45 to 0.455; viewers read all of them as sRGB."""
_SAME_CHROMATICITY = 0.002


def profile_of_chunks(
    chunks: Iterable[tuple[bytes, bytes]], embedded: bytes | None, space: str
) -> bytes | None:
    """Return an ICC profile for the colours of a PNG.

    Args:
      chunks: names and contents; of several chunks of one name the first counts.
      embedded: profile in the chunk iCCP.
      space: `RGB` or `GRAY`.

    Returns:
      None for sRGB, and where the file names no colour space.

    Raises:
      Unsupported: an HDR image, or levels in the range of video.
    """
    found: dict[bytes, bytes] = {}
    for name, content in chunks:
        found.setdefault(name, content)
    code_points = found.get(b"cICP", b"")
    if len(code_points) == 4 and cicp.is_known(*code_points[:2]):
        primaries, transfer, _, full_range = code_points
        if not full_range:
            raise Unsupported("a PNG with video levels (narrow range); save it in full range")
        return cicp.profile_of(primaries, transfer, space)
    if embedded:
        return embedded
    if b"sRGB" in found:
        return None
    return _measured(_gamma(found), _chromaticities(found), space)


def _measured(gamma: float | None, primaries: Chromaticities, space: str) -> bytes | None:
    is_srgb = gamma is None or abs(gamma - _SRGB_GAMMA) <= _SAME_GAMMA
    if is_srgb and (primaries == SRGB or space == "GRAY"):
        return None
    try:
        return matrix_profile(primaries, cicp.srgb_light() if gamma is None else 1 / gamma, space)
    except imagecodecs.CmsError:  # primaries on one line
        return _measured(gamma, SRGB, space)


def _gamma(found: dict[bytes, bytes]) -> float | None:
    """Return the exponent from light to level; None where there is no sensible one."""
    content = found.get(b"gAMA", b"")
    gamma = int.from_bytes(content) / 100000 if len(content) == 4 else 0
    return gamma if 0.1 <= gamma <= 10 else None


def _chromaticities(found: dict[bytes, bytes]) -> Chromaticities:
    """Return white and primaries; those of sRGB where there are none or the same ones."""
    content = found.get(b"cHRM", b"")
    if len(content) != 32:
        return SRGB
    values = [value / 100000 for value in struct.unpack(">8L", content)]
    points = Chromaticities(*zip(values[::2], values[1::2], strict=True))
    if any(y <= 0 or x + y > 1 for x, y in points):
        return SRGB
    far = (abs(a - b) for p, q in zip(points, SRGB, strict=True) for a, b in zip(p, q, strict=True))
    return points if max(far) > _SAME_CHROMATICITY else SRGB
