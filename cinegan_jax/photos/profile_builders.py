"""ICC profiles made from the numbers of a colour space, the same bytes at each call."""

import functools
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from PIL import ImageCms

_DATE = slice(24, 36)


class Chromaticities(NamedTuple):
    """CIE x and y of the white and the primaries of an RGB colour space."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


D65_WHITE = (0.3127, 0.3290)
SRGB = Chromaticities(D65_WHITE, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))


@functools.cache
def srgb_profile() -> bytes:
    """Return an sRGB profile, the same bytes at each call."""
    return _undated(imagecodecs.cms_profile("srgb"))


@functools.cache
def adobe_rgb_profile() -> bytes:
    """Return an Adobe RGB (1998) profile, the same bytes at each call."""
    return _undated(imagecodecs.cms_profile("adobergb"))


def matrix_profile(
    chromaticities: Chromaticities, curve: float | np.ndarray, space: str = "RGB"
) -> bytes:
    """Return a profile of primaries and a tone curve, the same bytes at each call.

    Args:
      chromaticities: white and primaries; ignored for grey.
      curve: exponent from level to light, or the light of evenly spaced levels.
      space: `RGB` or `GRAY`.

    Raises:
      imagecodecs.CmsError: the primaries are not those of a colour space.
    """
    tone: dict[str, Any] = {"transferfunction" if isinstance(curve, np.ndarray) else "gamma": curve}
    if space == "GRAY":
        return _undated(imagecodecs.cms_profile("gray", **tone))
    white, *primaries = ((x, y, 1.0) for x, y in chromaticities)
    flat = tuple(value for primary in primaries for value in primary)
    return _undated(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=flat, **tone))


def lab_profile() -> bytes:
    """Return a profile of CIE Lab (D50)."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def profile_tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the tags of a profile by name (ICC.1, 7.3); damaged entries are empty."""
    count = min(int.from_bytes(profile[128:132]), 100)
    tags = {}
    for entry in range(132, 132 + 12 * count, 12):
        start = int.from_bytes(profile[entry + 4 : entry + 8])
        size = int.from_bytes(profile[entry + 8 : entry + 12])
        tags[profile[entry : entry + 4]] = profile[start : start + size]
    return tags


def _undated(profile: bytes) -> bytes:
    """Replace the creation date by that of the ICC specification's fourth edition."""
    date = b"".join(part.to_bytes(2) for part in (2010, 12, 1, 0, 0, 0))
    return profile[: _DATE.start] + date + profile[_DATE.stop :]
