"""Colour spaces named by code points (ITU-T H.273) in PNG, AVIF, HEIC and JPEG XL files."""

import functools
import io
import re

import numpy as np
from PIL import ImageCms

from cinegan_jax.photos.photo import Unsupported
from cinegan_jax.photos.profile_builders import (
    D65_WHITE,
    SRGB,
    Chromaticities,
    matrix_profile,
    profile_tags,
)

_PAL = Chromaticities(D65_WHITE, (0.640, 0.330), (0.290, 0.600), (0.150, 0.060))
_SMPTE_C = Chromaticities(D65_WHITE, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
BT2020 = Chromaticities(D65_WHITE, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
DISPLAY_P3 = Chromaticities(D65_WHITE, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
DCI_WHITE = (0.314, 0.351)
_PRIMARIES = {
    1: SRGB,
    4: Chromaticities((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: _PAL,
    6: _SMPTE_C,
    7: _SMPTE_C,
    8: Chromaticities((0.310, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: BT2020,
    11: Chromaticities(DCI_WHITE, *DISPLAY_P3[1:]),
    12: DISPLAY_P3,
    22: Chromaticities(D65_WHITE, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_UNSPECIFIED = 2
_VIDEO, _LINEAR = (1, 6, 14, 15), 8
SRGB_CURVE = 13
_GAMMAS = {4: 2.2, 5: 2.8, 17: 2.6}
_HDR = {16: "PQ", 18: "HLG"}
_HDR_NAME = re.compile("PQ|HLG|2084")


def is_known(primaries: int, transfer: int) -> bool:
    """Return True if `profile_of` knows the code points."""
    curves = (*_VIDEO, _LINEAR, SRGB_CURVE, *_GAMMAS, *_HDR)
    return primaries in _PRIMARIES and transfer in curves


def profile_of(primaries: int, transfer: int, space: str = "RGB") -> bytes | None:
    """Return an ICC profile for code points; unknown and unspecified ones are those of sRGB.

    Args:
      primaries: H.273 ColourPrimaries.
      transfer: H.273 TransferCharacteristics.
      space: `RGB` or `GRAY`.

    Returns:
      None for sRGB.

    Raises:
      Unsupported: an HDR image, whose levels are not those of a standard photograph.
    """
    return profile_with(_PRIMARIES.get(primaries, SRGB), transfer, space)


@functools.cache
def profile_with(chromaticities: Chromaticities, transfer: int, space: str = "RGB") -> bytes | None:
    """Return what `profile_of` returns, for primaries that need not have a code point."""
    if transfer in _HDR:
        raise _hdr_image(_HDR[transfer])
    if transfer in _VIDEO:
        return matrix_profile(chromaticities, _video_light(), space)
    if transfer == _LINEAR or transfer in _GAMMAS:
        return matrix_profile(chromaticities, _GAMMAS.get(transfer, 1.0), space)
    if chromaticities == SRGB or space == "GRAY":
        return None
    return matrix_profile(chromaticities, srgb_light(), space)


def profile_of_video(primaries: int, transfer: int, space: str = "RGB") -> bytes | None:
    """Return an ICC profile for the code points of AVIF and HEIC, as viewers read them.

    Encoders made for video label sRGB images as BT.709; there it stands for sRGB.
    """
    standard = _PRIMARIES.get(primaries, SRGB) in (SRGB, _PAL, _SMPTE_C)
    if standard and transfer in (*_VIDEO, _UNSPECIFIED):
        return None
    return profile_of(primaries, transfer, space)


def require_standard_range(profile: bytes) -> None:
    """Raise Unsupported if an ICC profile describes PQ or HLG, by its `cicp` tag or its name."""
    tag = profile_tags(profile).get(b"cicp", b"")
    if len(tag) >= 10 and tag[9] in _HDR:
        raise _hdr_image(_HDR[tag[9]])
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return
    if found := _HDR_NAME.search(name):
        raise _hdr_image("HLG" if found[0] == "HLG" else "PQ")


def _hdr_image(curve: str) -> Unsupported:
    """Return the error for an image with the transfer function `PQ` or `HLG`."""
    return Unsupported(f"an HDR image ({curve}); save it in standard range first")


def srgb_light() -> np.ndarray:
    """Return the linear light of 1024 even sRGB levels (IEC 61966-2-1), float32."""
    level = np.linspace(0, 1, 1024)
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _video_light() -> np.ndarray:
    """Return the linear light of 1024 even BT.709 levels, which BT.2020 shares, float32."""
    alpha, beta = 1.09929682680944, 0.018053968510807
    level = np.linspace(0, 1, 1024)
    light = np.where(level < 4.5 * beta, level / 4.5, ((level + alpha - 1) / alpha) ** (1 / 0.45))
    return light.astype(np.float32)
