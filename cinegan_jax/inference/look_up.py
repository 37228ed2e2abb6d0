"""A LUT on a photo of any size, pixel by pixel."""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from cinegan_jax.film.lut import Lut, LutStage, apply_stages
from cinegan_jax.inference.lazy_image import AnyImage
from cinegan_jax.ops.images import white_level

_CHUNK = 2**18
"""Pixels that are looked up together; the one size for which a program is compiled."""


def look_up(
    photo: AnyImage, lut: Lut, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Apply a LUT to every pixel; see `inference.methods` for arguments and results."""
    height, width, _ = photo.shape
    rows = max(1, _CHUNK // width)
    for top in range(0, height, rows):
        unit = photo[top : top + rows].astype(np.float32) / white_level(photo.dtype)
        changed = _in_chunks(lut, unit.reshape(-1, 3)).reshape(unit.shape)
        progress(min(top + rows, height) / height)
        yield unit + np.float32(strength) * (changed - unit)


def _in_chunks(lut: Lut, colours: np.ndarray) -> np.ndarray:
    """Map colours [p, 3] through a LUT."""
    changed = np.empty_like(colours)
    for start in range(0, len(colours), _CHUNK):
        chunk = colours[start : start + _CHUNK]
        padded = np.pad(chunk, [(0, _CHUNK - len(chunk)), (0, 0)])
        changed[start : start + _CHUNK] = _apply(lut.stages, padded)[: len(chunk)]
    return changed


@jax.jit
def _apply(stages: tuple[LutStage, ...], colours: jax.Array) -> jax.Array:
    return jax.numpy.asarray(apply_stages(stages, colours))
