"""ICC profiles (ICC.1): conversion between a photo's colour space and sRGB, in 16 bits.

littleCMS evaluates a profile in floating point, and the pixels go through lookup tables made from
that. Its own fast path for 16 bits is wrong by up to 19 levels of 8 bits in the shadows.
"""

import functools
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import imagecodecs
import numpy as np
from PIL import ImageCms

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.profile_builders import (
    SRGB,
    lab_profile,
    matrix_profile,
    profile_tags,
    srgb_profile,
)

_KINDS = {b"GRAY": "GRAY", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "LAB"}
_BLACK_POINT_COMPENSATION = 0x2000
_EXACT = 0x0100
"""littleCMS flag cmsFLAGS_NOOPTIMIZE."""

_ROOTS = (1 << 17) - 1
"""Tables from light to levels are indexed by the root of light, which keeps their error below one
level of 16 bits, even in the shadows."""


class Colours(Protocol):
    """Colour space of a profile, convertible to sRGB."""

    def to_srgb(self, samples: np.ndarray) -> np.ndarray:
        """Convert uint8 or uint16 [h, w, channels] to uint16 sRGB [h, w, 3], clipped to sRGB."""


class OwnColours(Colours, Protocol):
    """Colour space of a profile, convertible to sRGB and back."""

    def from_srgb(self, pixels: np.ndarray) -> np.ndarray:
        """Convert uint16 sRGB [h, w, 3] to uint16 [h, w, channels]."""


def profile_space(profile: bytes) -> str | None:
    """Return the colour model of a profile: `GRAY`, `RGB`, `CMYK` or `LAB`; None if damaged."""
    try:
        imagecodecs.cms_profile_validate(profile)
    except (imagecodecs.CmsError, ValueError):
        return None
    return _KINDS.get(profile[16:20])


@functools.lru_cache(maxsize=16)
def own_colours(profile: bytes) -> Colours | None:
    """Return the colour space of a valid profile; None if it is sRGB within a level of 8 bits.

    Raises:
      imagecodecs.CmsError: littleCMS reads the profile but cannot use it.
    """
    space = profile_space(profile)
    colours: Colours
    if space == "GRAY":
        colours = _grey_colours(profile)
    elif space == "RGB" and _is_matrix(profile):
        colours = _matrix_colours(profile)
    else:
        colours = _TableColours(profile, space or "RGB")
        colours.to_srgb(np.zeros((1, 1, 4 if space == "CMYK" else 3), np.uint8))
        return colours
    return None if _is_srgb(colours, channels=1 if space == "GRAY" else 3) else colours


def is_reversible(colours: Colours) -> TypeGuard[OwnColours]:
    """Return True if sRGB can be converted back to these colours."""
    return isinstance(colours, (_MatrixColours, _GreyColours))


def is_linear(colours: Colours) -> bool:
    """Return True if levels are proportional to light, so that dark ones need many bits."""
    if isinstance(colours, _GreyColours):
        return bool(abs(_srgb_curves()[1, colours.to_level[32768]] - 0.5) < 0.05)
    if isinstance(colours, _MatrixColours):
        return bool(np.abs(colours.curves[:, 32768] - 0.5).max() < 0.05)
    return False


def same_colours(profile: bytes, other: bytes) -> bool:
    """Return True if two profiles with a matrix or a grey curve agree within a level of 8 bits."""
    ours, theirs = own_colours(profile), own_colours(other)
    if isinstance(ours, _MatrixColours) and isinstance(theirs, _MatrixColours):
        matrices = np.abs(ours.matrix - theirs.matrix).max() < 0.002
        return bool(matrices and np.abs(ours.curves - theirs.curves).max() < 0.002)
    if isinstance(ours, _GreyColours) and isinstance(theirs, _GreyColours):
        moved = ours.to_level.astype(np.int32) - theirs.to_level
        return bool(np.abs(moved).max() <= 257)
    return False


def unclipped_light(samples: np.ndarray, colours: Colours | None) -> np.ndarray:
    """Return linear light in sRGB primaries, float32 [h, w, channels], not clipped.

    Args:
      samples: uint8 or uint16 [h, w, 1 or 3].
      colours: their reversible colour space; None for sRGB.
    """
    if isinstance(colours, _GreyColours):
        return linear_light(colours.to_srgb(samples)[..., :1])
    if not isinstance(colours, _MatrixColours):
        return linear_light(samples)
    step = 257 if samples.dtype == np.uint8 else 1
    light = [colours.curves[c, ::step][samples[..., c]] for c in range(3)]
    return np.stack(light, axis=-1) @ colours.matrix


def cmyk_without_profile(samples: np.ndarray) -> np.ndarray:
    """Convert CMYK (0 is paper) to sRGB of the same dtype by R = (1 - C) (1 - K)."""
    full = np.iinfo(samples.dtype).max
    result = np.empty((*samples.shape[:2], 3), samples.dtype)
    for rows in bands(samples):
        light = full - samples[rows].astype(np.uint64)
        result[rows] = (light[..., :3] * light[..., 3:] + full // 2) // full
    return result


def linear_light(pixels: np.ndarray) -> np.ndarray:
    """Return the linear light of sRGB uint8 or uint16 [...], float32 in 0..1."""
    step = 257 if pixels.dtype == np.uint8 else 1
    return _srgb_curves()[0, ::step][pixels]


def with_light_changed(
    samples: np.ndarray, colours: Colours | None, matrix: np.ndarray
) -> np.ndarray:
    """Multiply the light of samples by a matrix on linear sRGB, and clip it at white.

    Args:
      samples: uint8 or uint16 [h, w, 1 or 3].
      colours: their reversible colour space; None for sRGB.
      matrix: [3, 3], applied as matrix @ light. Grey is multiplied by its first element.

    Returns:
      uint16 in the same colour space and of the same shape.
    """
    applied = matrix.T.astype(np.float32)
    if isinstance(colours, _GreyColours) or samples.shape[-1] == 1:
        grey = colours.to_srgb(samples)[..., :1] if isinstance(colours, _GreyColours) else samples
        changed = _matrixed(grey, _srgb_curves()[:1], applied[:1, :1], _srgb_levels()[:1])
        return colours.from_level[changed] if isinstance(colours, _GreyColours) else changed
    if isinstance(colours, _MatrixColours):
        own = colours.matrix.astype(np.float64)
        applied = (own @ matrix.T @ np.linalg.inv(own)).astype(np.float32)
        return _matrixed(samples, colours.curves, applied, colours.levels)
    return _matrixed(samples, _srgb_curves(), applied, _srgb_levels())


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIE Lab (D50) [h, w, 3], L in 0..100, to uint16 sRGB [h, w, 3]."""
    return _transform(np.asarray(lab, np.float64), lab_profile(), "LAB", srgb_profile())


@dataclass(frozen=True)
class _MatrixColours:
    """RGB with a tone curve per channel and a matrix between linear lights."""

    curves: np.ndarray
    """Linear light of each level of 16 bits, float32 [3, 65536]."""
    matrix: np.ndarray
    """Matrix to linear sRGB, float32 [3, 3], applied as light @ matrix."""

    def to_srgb(self, samples: np.ndarray) -> np.ndarray:
        return _matrixed(samples, self.curves, self.matrix, _srgb_levels())

    def from_srgb(self, pixels: np.ndarray) -> np.ndarray:
        back = np.linalg.inv(self.matrix.astype(np.float64)).astype(np.float32)
        return _matrixed(pixels, _srgb_curves(), back, self.levels)

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """Level of 16 bits for each root of light, uint16 [3, roots]."""
        return np.stack([_inverse(curve) for curve in self.curves])


@dataclass(frozen=True)
class _GreyColours:
    """Grey with a tone curve."""

    to_level: np.ndarray
    """sRGB level of each own level, uint16 [65536]."""
    from_level: np.ndarray
    """Own level of each sRGB level, uint16 [65536]."""

    def to_srgb(self, samples: np.ndarray) -> np.ndarray:
        step = 257 if samples.dtype == np.uint8 else 1
        return np.repeat(self.to_level[::step][samples], 3, axis=-1)

    def from_srgb(self, pixels: np.ndarray) -> np.ndarray:
        return self.from_level[pixels[..., 1:2]]


@dataclass(frozen=True)
class _TableColours:
    """CMYK, Lab, or RGB with a colour table, converted one way by littleCMS."""

    profile: bytes
    space: str

    def to_srgb(self, samples: np.ndarray) -> np.ndarray:
        result = np.empty((*samples.shape[:2], 3), np.uint16)
        for rows in bands(samples):
            result[rows] = _transform(samples[rows], self.profile, self.space, srgb_profile())
        return result


def _matrix_colours(profile: bytes) -> _MatrixColours:
    ramp = np.linspace(0, 1, 65536)
    primaries = np.zeros((3, 65536, 3))
    for channel in range(3):
        primaries[channel, :, channel] = ramp
    light = _light(primaries, profile, "RGB")
    matrix = light[:, -1]
    strongest = matrix.argmax(axis=1)
    curves = np.stack([light[c, :, strongest[c]] / matrix[c, strongest[c]] for c in range(3)])
    matrix = matrix / matrix.sum(axis=0)  # keeps white exact
    return _MatrixColours(curves.astype(np.float32), matrix.astype(np.float32))


def _grey_colours(profile: bytes) -> _GreyColours:
    ramp = np.linspace(0, 1, 65536)
    light = _light(ramp[None, :, None], profile, "GRAY")[0, :, 1].astype(np.float32)
    return _GreyColours(
        _looked_up(_srgb_levels()[1], light / light[-1]),
        _looked_up(_inverse(light / light[-1]), _srgb_curves()[1]),
    )


def _light(samples: np.ndarray, profile: bytes, space: str) -> np.ndarray:
    """Return linear light in sRGB primaries, float64 [h, w, 3], not clipped."""
    return _transform(samples, profile, space, matrix_profile(SRGB, 1.0), "float64")


def _transform(
    samples: np.ndarray, profile: bytes, space: str, target: bytes, dtype: str = "uint16"
) -> np.ndarray:
    return imagecodecs.cms_transform(
        np.ascontiguousarray(samples[..., 0] if space == "GRAY" else samples),
        profile,
        target,
        colorspace=space.lower(),
        outcolorspace="rgb",
        outdtype=dtype,
        intent=int(ImageCms.Intent.RELATIVE_COLORIMETRIC),
        flags=_EXACT | _BLACK_POINT_COMPENSATION,
    )


def _matrixed(
    samples: np.ndarray, curves: np.ndarray, matrix: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Convert levels to light by `curves` and `matrix`, and to 16-bit levels by `levels`."""
    step = 257 if samples.dtype == np.uint8 else 1
    result = np.empty(samples.shape, np.uint16)
    for rows in bands(samples):
        band = samples[rows]
        channels = range(len(curves))
        light = np.stack([curves[c, ::step][band[..., c]] for c in channels], axis=-1) @ matrix
        for c in channels:
            result[rows, :, c] = _looked_up(levels[c], light[..., c])
    return result


def _looked_up(levels: np.ndarray, light: np.ndarray) -> np.ndarray:
    roots = np.sqrt(np.clip(light, 0, 1))
    return levels[np.rint(roots * np.float32(_ROOTS)).astype(np.int32)]


@functools.cache
def _srgb_curves() -> np.ndarray:
    """Return the linear light of each 16-bit sRGB level, float32 [3, 65536] (IEC 61966-2-1)."""
    level = np.linspace(0, 1, 65536)
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.tile(light.astype(np.float32), (3, 1))


@functools.cache
def _srgb_levels() -> np.ndarray:
    return np.tile(_inverse(_srgb_curves()[0]), (3, 1))


def _inverse(curve: np.ndarray) -> np.ndarray:
    """Invert a rising curve [65536]: the 16-bit level for each root of light, uint16 [roots]."""
    light = np.linspace(0, 1, _ROOTS + 1) ** 2
    rising = np.maximum.accumulate(curve.astype(np.float64))
    return np.rint(np.interp(light, rising, np.arange(65536.0))).astype(np.uint16)


def _is_srgb(colours: Colours, channels: int) -> bool:
    steps = np.linspace(0, 65535, 18).round().astype(np.uint16)
    colour = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), axis=-1)
    colour = colour.reshape(1, -1, channels)
    moved = colours.to_srgb(colour).astype(np.int32) - colour
    return bool(np.abs(moved).max() <= 257)


def _is_matrix(profile: bytes) -> bool:
    tags = profile_tags(profile)
    return {b"rXYZ", b"rTRC"} <= tags.keys() and b"A2B0" not in tags
