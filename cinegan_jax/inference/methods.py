"""Three ways to apply a generator at a photo's own size: whole, in tiles, or by transfer.

- `whole`: the network on all pixels at once, for photos that fit into memory.
- `tiles`: the network on overlapping tiles. They share the statistics of the whole photo, so that
  they agree in brightness and colour, and are blended where they overlap.
- `transfer`: the network on a reduced copy; its change is carried to full size by a bilateral grid.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.bilateral_grid import apply_change, fit_change
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.network import (
    STRIDE,
    generate,
    generate_part,
    measure_statistics,
    pad_to_multiple,
)
from cinegan_jax.inference.resize import resize
from cinegan_jax.ops.images import white_level

MOST_PIXELS = 8_000_000
"""About 3 GB with the looks that ship; some 9 GB with the published network."""


def whole(
    photo: np.ndarray, look: Look, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Gives the network all of the photo, continued by reflection to sides in multiples of 8.

    The continuation, at most 7 pixels at the right and the bottom, counts in the network's
    statistics. Each size is compiled anew.

    Args and yields: as `develop.DevelopMethod`.

    Raises:
      UserError: the photo has more than `MOST_PIXELS`.
    """
    height, width, _ = photo.shape
    if height * width > MOST_PIXELS:
        raise UserError(
            f"method 'whole' takes photos of up to {MOST_PIXELS / 1e6:g} megapixels, this one has "
            f"{height * width / 1e6:.1f}; use 'transfer' or 'tiles'"
        )
    unit = _unit(photo)
    padded = pad_to_multiple(unit, STRIDE)
    made = np.asarray(generate(look.generator, look.kernels, padded))[:height, :width]
    progress(1.0)
    yield unit + np.float32(strength) * (made - unit)


SIDE = 768
"""Of a tile."""
OVERLAP = 128
"""Of neighbours, at least. The outermost quarter of it is thrown away on both sides."""
STATISTICS_PIXELS = 2**21
"""A larger photo is reduced to about so many for its statistics; those of others are exact."""
STATISTICS_STEP = 64
"""Sides of a reduced photo are multiples of this, so that few programs are ever compiled."""


class Span(NamedTuple):
    """A tile along one side of the photo: where it begins, and the weight of each of its pixels."""

    start: int
    weights: np.ndarray


def tiles(
    photo: np.ndarray, look: Look, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Develops tile after tile with the statistics of the whole photo.

    Args and yields: as `develop.DevelopMethod`. The photo is continued by reflection to sides in
    multiples of 8.
    """
    height, width, _ = photo.shape
    statistics = _statistics(photo, look)
    down, along = (spans(side + -side % STRIDE) for side in (height, width))
    side = len(down[0].weights)
    canvas = np.zeros((side, width, 3), np.float32)
    for row, span in enumerate(down):
        for column, made in enumerate(_row(photo, look, statistics, span.start, along)):
            left, tile = made
            canvas[:, left : left + tile.shape[1]] += span.weights[:, None, None] * tile
            progress((row + (column + 1) / len(along)) / len(down))
        top = span.start
        bottom = down[row + 1].start if row + 1 < len(down) else height
        photo_rows = _unit(photo[top:bottom])
        yield photo_rows + np.float32(strength) * (canvas[: bottom - top] - photo_rows)
        canvas = np.pad(canvas[bottom - top :], [(0, min(bottom - top, side)), (0, 0), (0, 0)])


def _row(
    photo: np.ndarray, look: Look, statistics: dict, top: int, along: list[Span]
) -> Iterator[tuple[int, np.ndarray]]:
    """The left edges and the pictures of a row of tiles, times their weights along the row."""
    for left, weights in along:
        part = photo[top : top + SIDE, left : left + SIDE]
        padded = pad_to_multiple(_unit(part), STRIDE)
        made = generate_part(look.generator, look.kernels, statistics, padded)
        yield left, (np.asarray(made) * weights[None, :, None])[:, : part.shape[1]]


def spans(count: int) -> list[Span]:
    """The tiles along a side of so many pixels, evenly; their weights sum to 1 at every pixel."""
    if count <= SIDE:
        return [Span(0, np.ones(count, np.float32))]
    number = -(-(count - OVERLAP) // (SIDE - OVERLAP))
    starts = np.linspace(0, (count - SIDE) // STRIDE, number).round().astype(int) * STRIDE
    total = np.zeros(count)
    for start in starts:
        total[start : start + SIDE] += _ramps(start, count)
    return [
        Span(int(start), (_ramps(start, count) / total[start : start + SIDE]).astype(np.float32))
        for start in starts
    ]


def _ramps(start: int, count: int) -> np.ndarray:
    """A tile's weights: zero near its ends, but for the ends of the photo."""
    place = np.arange(SIDE) + 0.5
    rise = np.clip((place - OVERLAP / 4) / (OVERLAP / 2), 0.0, 1.0)
    left = rise if start > 0 else np.ones(SIDE)
    right = rise[::-1] if start + SIDE < count else np.ones(SIDE)
    return np.minimum(left, right)


def _statistics(photo: np.ndarray, look: Look) -> dict:
    height, width, _ = photo.shape
    scale = (STATISTICS_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        seen = pad_to_multiple(_unit(photo), STRIDE)
    else:
        step = STATISTICS_STEP
        shape = [max(step, round(side * scale / step) * step) for side in (height, width)]
        seen = resize(photo, *shape)
    return measure_statistics(look.generator, look.kernels, seen)


def _unit(photo: np.ndarray) -> np.ndarray:
    return photo.astype(np.float32) / white_level(photo.dtype)


LONG_SIDE = 768
"""Of the reduced photo, at most."""
STEP = 64
"""Sides of the reduced photo are multiples of this, so that few programs are ever compiled."""


def transfer(
    photo: np.ndarray, look: Look, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Lets the network see a reduced photo and carries the change to the full one.

    The reduced photo may be a little slimmer or wider than the full one: nothing is padded, as
    instance normalisation would count the padding.

    Args and yields: as `develop.DevelopMethod`.
    """
    small = resize(photo, *reduced_shape(*photo.shape[:2]))
    grid = fit_change(small, generate(look.generator, look.kernels, small))
    identity = np.eye(4, 3, dtype=np.float32)
    done = 0
    for band in apply_change(identity + np.float32(strength) * (grid - identity), photo):
        done += len(band)
        progress(done / len(photo))
        yield band


def reduced_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture that the network sees: multiples of 64, nearly as slim."""
    scale = min(LONG_SIDE / max(height, width), 1.0)
    rows, columns = (max(STEP, round(side * scale / STEP) * STEP) for side in (height, width))
    return rows, columns
