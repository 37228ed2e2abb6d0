"""Resizing of whole photos for output: in linear light, with their metadata.

The filter is Lanczos with 3 lobes (Duchon, "Lanczos filtering in one and two dimensions", 1979),
widened by the scale where a photo shrinks. Averaging linear light keeps the brightness of fine
detail. Samples in the photo's own colour space are taken to have the curve of sRGB.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos import metadata
from cinegan_jax.photos.photo import Photo

_LOBES = 3
_ROWS_AT_ONCE = 32
_MAX_SIDE = 65_535
_FORMS = "give the long side as 2048, a box as 1920x1080, or a share as 50%"


@dataclass(frozen=True)
class Resize:
    """Size of results; proportions are kept.

    Attributes:
      width, height: box that results fit into, in pixels; None where `share` is given.
      share: of the photo's own size.
      enlarge: whether smaller photos are enlarged; otherwise they keep their size.
    """

    width: int | None = None
    height: int | None = None
    share: float | None = None
    enlarge: bool = False

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the result of a photo."""
        scale = self.share
        if scale is None:
            assert self.width is not None
            assert self.height is not None
            scale = min(self.width / width, self.height / height)
        if scale >= 1 and not self.enlarge:
            return width, height
        return max(1, round(width * scale)), max(1, round(height * scale))


def parse_resize(text: str, enlarge: bool = False) -> Resize:
    """Return the size that `2048` (long side), `1920x1080` (box) or `50%` describes.

    Raises:
      UserError: the text has another form, or is out of range.
    """
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)%", text):
        share = float(match[1]) / 100
        if not 0 < share <= 4:
            raise UserError(f"--resize {text} is not above 0% and at most 400%")
        return Resize(share=share, enlarge=enlarge)
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text)
    if match is None:
        raise UserError(f"--resize {text!r} is no size: {_FORMS}")
    width, height = int(match[1]), int(match[2] or match[1])
    if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
        raise UserError(f"--resize {text}: a side is not between 1 and {_MAX_SIDE}")
    return Resize(width, height, enlarge=enlarge)


def resized(photo: Photo, size: Resize, max_pixels: int) -> Photo:
    """Return a photo at another size, with its metadata.

    Raises:
      UserError: the result would have more than `max_pixels`.
    """
    height, width = photo.pixels.shape[:2]
    new_width, new_height = size.size_of(width, height)
    if (new_width, new_height) == (width, height):
        return photo
    if new_width * new_height > max_pixels:
        raise UserError(
            f"{photo.source.name}: --resize makes {new_width} x {new_height} pixels; at most "
            f"{max_pixels / 1e6:g} megapixels are allowed"
        )
    weights = _lanczos(height, new_height), _lanczos(width, new_width)
    source, alpha = photo.source, photo.alpha
    original = None if source.original is None else _colours(source.original, alpha, weights)
    pixels = _colours(photo.pixels, alpha, weights)
    shot, lost = metadata.at_new_size(source.metadata, width, height, new_width, new_height)
    source = replace(source, original=original, metadata=shot, notes=source.notes + lost)
    return Photo(pixels, None if alpha is None else _plain(alpha, weights), source)


_Weights = tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]


def _colours(samples: np.ndarray, alpha: np.ndarray | None, weights: _Weights) -> np.ndarray:
    """Resample colours [h, w, c] in linear light; transparent pixels do not tint others."""
    linear = _linear_table(samples.dtype)
    levels = np.iinfo(samples.dtype).max
    result = np.empty((weights[0].shape[0], weights[1].shape[0], samples.shape[2]), samples.dtype)
    weighted = alpha is not None and alpha.min() < np.iinfo(alpha.dtype).max
    for top, part, rows in _bands(weights[0]):
        light = linear[samples[rows]]
        if weighted:
            assert alpha is not None
            share = alpha[rows, :, None] / np.float32(np.iinfo(alpha.dtype).max)
            seen = _band(share, part, weights[1])
            mixed = _band(light * share, part, weights[1])
            plain = _band(light, part, weights[1])
            light = np.where(seen > 1e-3, mixed / np.maximum(seen, 1e-3), plain)
        else:
            light = _band(light, part, weights[1])
        encoded = _encoded(np.clip(light, 0, 1))
        result[top : top + len(light)] = np.rint(encoded * levels).astype(samples.dtype)
    return result


def _plain(samples: np.ndarray, weights: _Weights) -> np.ndarray:
    """Resample values [h, w] that are linear already."""
    levels = np.iinfo(samples.dtype).max
    bands = [
        _band(samples[rows, :, None].astype(np.float32), part, weights[1])
        for _, part, rows in _bands(weights[0])
    ]
    return np.rint(np.clip(np.concatenate(bands)[..., 0], 0, levels)).astype(samples.dtype)


def _bands(down: scipy.sparse.csr_matrix) -> list[tuple[int, scipy.sparse.csr_matrix, slice]]:
    """Return the first row of each band of the result, its weights, and the old rows it needs."""
    bands = []
    for top in range(0, down.shape[0], _ROWS_AT_ONCE):
        part = down[top : top + _ROWS_AT_ONCE]
        first, last = part.indices.min(), part.indices.max() + 1
        bands.append((top, part[:, first:last], slice(first, last)))
    return bands


def _band(
    rows: np.ndarray, down: scipy.sparse.csr_matrix, along: scipy.sparse.csr_matrix
) -> np.ndarray:
    height, width, channels = rows.shape
    shrunk = (down @ rows.reshape(height, -1)).reshape(-1, width, channels)
    return np.stack([along @ row for row in shrunk])


def _lanczos(old: int, new: int) -> scipy.sparse.csr_matrix:
    """Return the weight of each old sample in each new one, [new, old]; rows sum to 1."""
    scale = old / new
    widened = max(scale, 1.0)
    reach = _LOBES * widened
    centres = (np.arange(new) + 0.5) * scale - 0.5
    columns = np.ceil(centres - reach)[:, None] + np.arange(int(np.ceil(2 * reach)) + 1)
    distance = (columns - centres[:, None]) / widened
    shares = np.sinc(distance) * np.sinc(distance / _LOBES) * (np.abs(distance) < _LOBES)
    shares *= (columns >= 0) & (columns < old)
    shares /= shares.sum(axis=1, keepdims=True)
    kept = shares != 0
    rows = np.broadcast_to(np.arange(new)[:, None], shares.shape)[kept]
    places = (rows, columns[kept].astype(int))
    return scipy.sparse.csr_matrix((shares[kept].astype(np.float32), places), shape=(new, old))


def _linear_table(dtype: np.dtype) -> np.ndarray:
    """Return the linear light of every level of an integer type (IEC 61966-2-1)."""
    levels = np.iinfo(dtype).max
    value = np.arange(levels + 1) / levels
    low, high = value / 12.92, ((value + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, low, high).astype(np.float32)


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
