"""Three methods to apply a generator to a photo of any size: whole, tiles and transfer.

- `whole`: the network on all pixels at once, for photos that fit into memory.
- `tiles`: the network on overlapping tiles, blended where they overlap. All tiles use the
  normalisation statistics of the whole photo, so that they agree in brightness and colour.
- `transfer`: the network on a reduced copy; a bilateral grid carries its change to full size.

Each takes (photo, look, strength, progress), see `develop.DevelopMethod`. The photo is uint8,
uint16 or unit floats [h, w, 3], and `progress` is called with the finished share, 0 to 1. Each
yields photo + strength * (look - photo) in bands of rows from top to bottom, unit float32
[rows, w, 3], not clipped.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.bilateral_grid import apply_change, fit_change
from cinegan_jax.inference.lazy_image import AnyImage
from cinegan_jax.inference.look import NetworkLook
from cinegan_jax.inference.network import (
    GENERATOR_STRIDE,
    measure_statistics,
    pad_to_multiple,
    run_generator,
    run_generator_on_part,
)
from cinegan_jax.inference.resize import resize
from cinegan_jax.inference.statistics import LayerStatistics
from cinegan_jax.ops.images import white_level

_WHOLE_MAX_PIXELS = 8_000_000
"""Takes about 3 GB with the looks that ship, and 9 GB with the published network."""

_TILE_SIDE = 768
_TILE_OVERLAP = 128
"""Minimum overlap of neighbouring tiles; the outermost quarter on both sides is discarded."""
_STATISTICS_MAX_PIXELS = 2**21
"""Photos above this are reduced to about this size for their statistics; others are exact."""

_TRANSFER_MAX_SIDE = 768
"""Longest side of the reduced photo that the network sees."""

_REDUCED_MULTIPLE = 64
"""Sides of reduced photos are multiples of this, so that few programs are compiled."""


def whole(
    photo: AnyImage, look: NetworkLook, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Apply the network to the whole photo, padded by reflection to multiples of 8.

    The padding, at most 7 pixels at the right and the bottom, enters the network's statistics. A
    program is compiled for each padded size.

    Raises:
      UserError: the photo has more than 8 megapixels.
    """
    height, width, _ = photo.shape
    if height * width > _WHOLE_MAX_PIXELS:
        raise UserError(
            f"method 'whole' takes photos of up to {_WHOLE_MAX_PIXELS / 1e6:g} megapixels, this "
            f"one has {height * width / 1e6:.1f}; use 'transfer' or 'tiles'"
        )
    unit = _to_unit(photo[:])
    padded = pad_to_multiple(unit, GENERATOR_STRIDE)
    changed = np.asarray(run_generator(look.generator, look.kernels, padded))[:height, :width]
    progress(1.0)
    yield unit + np.float32(strength) * (changed - unit)


def transfer(
    photo: AnyImage, look: NetworkLook, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Apply the network to a reduced photo and carry the change to the full one.

    The reduced photo may differ a little in aspect ratio. It is not padded, because instance
    normalisation would count the padding.
    """
    small = resize(photo, *_reduced_shape(*photo.shape[:2]))
    grid = fit_change(small, np.asarray(run_generator(look.generator, look.kernels, small)))
    identity = np.eye(4, 3, dtype=np.float32)
    done = 0
    for band in apply_change(identity + np.float32(strength) * (grid - identity), photo):
        done += len(band)
        progress(done / len(photo))
        yield band


def _reduced_shape(height: int, width: int) -> tuple[int, int]:
    scale = min(_TRANSFER_MAX_SIDE / max(height, width), 1.0)
    return _scaled(height, scale), _scaled(width, scale)


def tiles(
    photo: AnyImage, look: NetworkLook, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Apply the network to overlapping tiles with the statistics of the whole photo.

    The photo is padded by reflection to multiples of 8.
    """
    height, width, _ = photo.shape
    statistics = _measure(photo, look)
    rows, columns = (tile_spans(side + -side % GENERATOR_STRIDE) for side in (height, width))
    side = len(rows[0].weights)
    canvas = np.zeros((side, width, 3), np.float32)
    for row, span in enumerate(rows):
        weighted = _weighted_tiles(photo, look, statistics, span.start, columns)
        for column, (left, tile) in enumerate(weighted):
            canvas[:, left : left + tile.shape[1]] += span.weights[:, None, None] * tile
            progress((row + (column + 1) / len(columns)) / len(rows))
        top = span.start
        bottom = rows[row + 1].start if row + 1 < len(rows) else height
        band = _to_unit(photo[top:bottom])
        yield band + np.float32(strength) * (canvas[: bottom - top] - band)
        canvas = np.pad(canvas[bottom - top :], [(0, min(bottom - top, side)), (0, 0), (0, 0)])


class Span(NamedTuple):
    """Position of a tile along one side of the photo, with the weight of each of its pixels."""

    start: int
    weights: np.ndarray


def tile_spans(count: int) -> list[Span]:
    """Spread tiles evenly along a side of `count` pixels; weights sum to 1 at every pixel."""
    if count <= _TILE_SIDE:
        return [Span(0, np.ones(count, np.float32))]
    number = -(-(count - _TILE_OVERLAP) // (_TILE_SIDE - _TILE_OVERLAP))
    last = (count - _TILE_SIDE) // GENERATOR_STRIDE
    starts = np.linspace(0, last, number).round().astype(int) * GENERATOR_STRIDE
    total = np.zeros(count)
    for start in starts:
        total[start : start + _TILE_SIDE] += _ramps(start, count)
    return [
        Span(int(start), (_ramps(start, count) / total[start : start + _TILE_SIDE]).astype("f4"))
        for start in starts
    ]


def _ramps(start: int, count: int) -> np.ndarray:
    """Unnormalised weights of a tile: falling to 0 at its ends, except at the photo's border."""
    pixels = np.arange(_TILE_SIDE) + 0.5
    rise = np.clip((pixels - _TILE_OVERLAP / 4) / (_TILE_OVERLAP / 2), 0.0, 1.0)
    left = rise if start > 0 else np.ones(_TILE_SIDE)
    right = rise[::-1] if start + _TILE_SIDE < count else np.ones(_TILE_SIDE)
    return np.minimum(left, right)


def _weighted_tiles(
    photo: AnyImage,
    look: NetworkLook,
    statistics: LayerStatistics,
    top: int,
    columns: list[Span],
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the left edges of a row of tiles and the tiles times their weights along the row."""
    for left, weights in columns:
        part = photo[top : top + _TILE_SIDE, left : left + _TILE_SIDE]
        padded = pad_to_multiple(_to_unit(part), GENERATOR_STRIDE)
        tile = run_generator_on_part(look.generator, look.kernels, statistics, padded)
        yield left, (np.asarray(tile) * weights[None, :, None])[:, : part.shape[1]]


def _measure(photo: AnyImage, look: NetworkLook) -> LayerStatistics:
    height, width, _ = photo.shape
    scale = (_STATISTICS_MAX_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        measured = pad_to_multiple(_to_unit(photo[:]), GENERATOR_STRIDE)
    else:
        measured = resize(photo, _scaled(height, scale), _scaled(width, scale))
    return measure_statistics(look.generator, look.kernels, measured)


def _scaled(side: int, scale: float) -> int:
    return max(_REDUCED_MULTIPLE, round(side * scale / _REDUCED_MULTIPLE) * _REDUCED_MULTIPLE)


def _to_unit(photo: np.ndarray) -> np.ndarray:
    return photo.astype(np.float32) / white_level(photo.dtype)
