"""Halation and bloom: light that spreads in the film and in the lens, added before a look.

- halation: the glow of `film.render`. The film base reflects the light of highlights, which adds a
  red glow around them.
- bloom: a diffusion filter in front of the lens. It spreads a share of all light, of every colour,
  and so keeps the brightness of flat areas.

The spread light is smooth, so it is computed on a reduced copy. A photo is glowing only where its
rows are read: memory does not grow with the photo. Both radii are shares of the long side, so a
preview glows like the full photo.
"""

from collections.abc import Callable

import numpy as np

from cinegan_jax.film.render import FilmLook, highlights
from cinegan_jax.inference.lazy_image import AnyImage, LazyImage
from cinegan_jax.inference.look import Glow
from cinegan_jax.inference.resize import interpolation, resize
from cinegan_jax.ops.colour import linear_to_srgb, srgb_to_linear
from cinegan_jax.ops.images import white_level

HALATION = FilmLook.halation_strength
"""Share of the highlights' light that a halation of 1 adds to red."""
BLOOM = 0.1
"""Share of all light that a bloom of 1 spreads."""
BLOOM_RADIUS = 0.015
"""Standard deviation of the spread light of bloom, as a share of the long side."""
_REDUCED_SIDE = 768
"""Longest side of the copy that is blurred; a halation is 4.6 pixels wide there."""


def add_glow(photo: AnyImage, glow: Glow) -> AnyImage:
    """Return a photo with halation and bloom, computed where it is sliced.

    Args:
      photo: sRGB-encoded [h, w, 3]: uint8, uint16 or unit floats.
      glow: amounts; with none, the photo itself is returned.
    """
    if not glow.halation and not glow.bloom:
        return photo
    light = LazyImage(photo.shape, _linear_light(photo))
    if glow.bloom:
        light = _bloomed(light, BLOOM * glow.bloom)
    if glow.halation:
        light = _halated(light, HALATION * glow.halation)
    return LazyImage(photo.shape, lambda rows: np.asarray(linear_to_srgb(light[rows])))


def _linear_light(photo: AnyImage) -> Callable[[slice], np.ndarray]:
    """Return the function from rows to their linear light, which looks integers up in a table."""
    if photo.dtype.kind == "f":
        return lambda rows: np.asarray(srgb_to_linear(photo[rows].astype(np.float32)))
    white = white_level(photo.dtype)
    levels = np.arange(int(white) + 1, dtype=np.float32) / white
    table = np.asarray(srgb_to_linear(levels))
    return lambda rows: table[photo[rows]]


def _bloomed(light: LazyImage, share: float) -> LazyImage:
    spread = _spread(light, BLOOM_RADIUS)

    def rows_of(rows: slice) -> np.ndarray:
        before = light[rows]
        return before + np.float32(share) * (spread(rows) - before)

    return LazyImage(light.shape, rows_of)


def _halated(light: LazyImage, share: float) -> LazyImage:
    shape = (*light.shape[:2], 1)
    bright = LazyImage(shape, lambda rows: highlights(light[rows])[..., None])
    spread = _spread(bright, FilmLook.halation_radius)

    def rows_of(rows: slice) -> np.ndarray:
        result = light[rows].copy()
        glow = np.maximum(spread(rows)[..., 0] - highlights(result), 0.0)
        result[..., 0] = np.minimum(result[..., 0] + np.float32(share) * glow, 1.0)
        return result

    return LazyImage(light.shape, rows_of)


def _spread(light: LazyImage, radius: float) -> Callable[[slice], np.ndarray]:
    """Return the function from rows to blurred light, [rows, w, c]."""
    from scipy import ndimage  # slow to import, and most photos are developed without glow

    height, width, _ = light.shape
    scale = min(_REDUCED_SIDE / max(height, width), 1.0)
    small = resize(light, max(1, round(height * scale)), max(1, round(width * scale)))
    deviation = radius * max(small.shape[:2])
    small = ndimage.gaussian_filter(small, (deviation, deviation, 0))
    down, along = interpolation(small.shape[0], height), interpolation(small.shape[1], width)

    def rows_of(rows: slice) -> np.ndarray:
        part = down[rows] @ small.reshape(len(small), -1)
        return np.stack([along @ row for row in part.reshape(-1, *small.shape[1:])])

    return rows_of
