"""Camera RAW files, developed by LibRaw; needs the extra `raw`.

The exposure comes from the file alone: the level at which the sensor is saturated becomes white,
after the baseline exposure of a DNG. LibRaw's automatic brightness, which depends on the content of
the photo, is off. Where the sensor is saturated in one channel, all channels are clipped to white;
below 0 EV, they are blended, so that what the other channels hold becomes visible.
"""

import io
import math
from typing import Any

import numpy as np
from tifffile import TiffFile

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos import metadata
from cinegan_jax.photos.kinds import kind_of
from cinegan_jax.photos.light import Light, white_of
from cinegan_jax.photos.photo import FileMetadata, OpenedImage, StoredImage, Unsupported
from cinegan_jax.photos.profile_builders import srgb_profile

try:
    import rawpy
except ImportError:
    rawpy = None  # type: ignore[assignment]

_SRGB_CURVE = (2.4, 12.92)
"""Power and slope at black (IEC 61966-2-1)."""
_BASELINE_EXPOSURE, _BASELINE_EXPOSURE_OFFSET = 50730, 51109
"""DNG tags; the offset belongs to the profile in the file (DNG 1.6, chapter 6)."""
_MOST_BASELINE = 10.0
"""Absolute baseline exposure in EV above which the tag cannot be meant."""
_NO_WHITE_BALANCE = "holds no white balance; that of daylight is used"
_ODD_BASELINE = "its baseline exposure of {:g} EV is out of range and is not applied"


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a RAW file (see `registry.FormatModule`)."""
    if rawpy is None:
        raise Unsupported(f"a camera RAW file; to read it: {how_to_install('raw')}")
    raw = rawpy.RawPy()
    raw.open_buffer(io.BytesIO(data))

    def decode(light: Light = Light()) -> StoredImage:
        """Demosaic the sensor data; LibRaw also applies the orientation."""
        baseline, notes = _baseline_exposure(data)
        raw.unpack()
        multipliers, more_notes = _multipliers(raw, light)
        samples = raw.postprocess(
            use_auto_wb=light.white_balance == "auto",
            user_wb=multipliers,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,  # the brightest pixel must not set the white level
            gamma=_SRGB_CURVE,
            output_color=rawpy.ColorSpace.sRGB,
            output_bps=16,
            **_brightness(light.gain * 2.0**baseline, multipliers),
        )
        raw.close()
        return StoredImage(samples, profile=srgb_profile(), notes=notes + more_notes)

    def read_metadata(image: StoredImage) -> FileMetadata:
        found, notes = metadata.from_file(data)
        height, width = image.samples.shape[:2]
        turn = metadata.orientation(found)
        shot, lost = metadata.upright(found, turn, width, height, srgb=True)
        return FileMetadata(shot, notes + lost)

    return OpenedImage(
        "raw", raw.sizes.width, raw.sizes.height, decode, read_metadata, decode_in_light=decode
    )


def _baseline_exposure(data: bytes) -> tuple[float, tuple[str, ...]]:
    """Return the exposure in EV that a DNG asks for, 0 for other files, and notes."""
    if kind_of(data) != "tiff":
        return 0.0, ()
    tags = TiffFile(io.BytesIO(data)).pages.first.tags
    found = (_rational(tags, code) for code in (_BASELINE_EXPOSURE, _BASELINE_EXPOSURE_OFFSET))
    exposure = sum(found)
    if not abs(exposure) <= _MOST_BASELINE:
        return 0.0, (_ODD_BASELINE.format(exposure),)
    return exposure, ()


def _rational(tags: Any, code: int) -> float:
    """Return the value of a rational tag; 0 if it is missing, NaN if it has no value."""
    value = tags.valueof(code)
    if value is None:
        return 0.0
    if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
        return math.nan
    return float(value[0] / value[1])


def _multipliers(raw: "rawpy.RawPy", light: Light) -> tuple[list[float] | None, tuple[str, ...]]:
    """Return the factor of each colour of the sensor, None for automatic ones, and notes."""
    daylight = list(raw.daylight_whitebalance)
    if light.white_balance == "auto":
        return None, ()
    if light.kelvin is not None:
        return _multipliers_of(raw, light.kelvin), ()
    camera = list(raw.camera_whitebalance)
    if light.white_balance == "daylight":
        return daylight, ()
    if min(camera[:3]) > 0 and np.isfinite(camera).all():
        return camera, ()
    return daylight, (_NO_WHITE_BALANCE,)


def _multipliers_of(raw: "rawpy.RawPy", kelvin: int) -> list[float]:
    """Return the factors that make the white of a colour temperature neutral.

    LibRaw's matrix converts sensor colours, multiplied by the daylight factors, to linear sRGB.
    """
    to_srgb = np.asarray(raw.color_matrix, np.float64)
    if not to_srgb.any():
        raise Unsupported(
            "its camera is unknown, so that a white balance in kelvin cannot be applied; use "
            "camera, daylight or auto"
        )
    sensor = np.linalg.pinv(to_srgb[:, : raw.num_colors]) @ white_of(kelvin)
    daylight = np.asarray(raw.daylight_whitebalance[: raw.num_colors])
    factors = daylight / np.maximum(sensor, 1e-3)
    return [*map(float, factors), *[0.0] * (4 - raw.num_colors)]


def _brightness(gain: float, multipliers: list[float] | None) -> dict[str, Any]:
    """Return LibRaw's options that multiply linear light by `gain`.

    LibRaw divides the factors by the smallest one when it clips, and by the largest when it blends.
    """
    if gain >= 1 or multipliers is None:
        return {"bright": gain, "highlight_mode": rawpy.HighlightMode.Clip}
    used = multipliers[:3]
    headroom = max(used) / min(used)
    return {"bright": gain * headroom, "highlight_mode": rawpy.HighlightMode.Blend}
