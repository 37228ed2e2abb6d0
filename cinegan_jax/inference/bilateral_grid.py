"""Bilateral guided upsampling: carry the change of a reduced photo to the full one.

The method is that of Chen, Adams, Wadhwa and Hasinoff (ACM TOG 35(6), 2016). The change is fitted
by a coarse grid over height, width and brightness, with an affine colour transform at each node,
and is read at every full-size pixel by trilinear interpolation. Every pixel keeps its own detail.
Edges stay sharp, because their sides differ in brightness, and no seams can appear.
"""

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.lazy_image import AnyImage
from cinegan_jax.ops.images import white_level

CELL = 32
"""Distance of neighbouring nodes, in pixels of the reduced photo."""
LEVELS = 17
"""Number of nodes over brightness."""

_NEIGHBOURS = 1e-2
"""Weight of each node's wider surroundings, which determine it where few pixels are near."""
_EVERYWHERE = 1e-4
"""Weight of the whole image, for nodes without pixels near them."""
_FAR_BLURS = 6
"""Number of blurs of the grid that make up the wider surroundings."""
_IDENTITY = 1e-5
"""Weight of leaving colours unchanged, which settles what the pixels leave undetermined."""

_ROWS, _STRIPS, _STRIP = 128, 8, 64
"""Size of one call of the compiled program: rows, strips per row, and pixels per strip."""


def fit_change(photo: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Fit the grid of affine transforms from a photo to its changed version, by least squares.

    Args:
      photo: unit float32 [h, w, 3], h and w multiples of `CELL`.
      changed: the network's result for it, unit float32 [h, w, 3].

    Returns:
      float32 [h / CELL + 1, w / CELL + 1, LEVELS, 4, 3]: the coefficients of red, green, blue and
      one for each channel, at each node.

    Raises:
      ValueError: the shapes differ, or a side is not a multiple of `CELL`.
    """
    shape = photo.shape
    if shape != changed.shape or len(shape) != 3 or shape[0] % CELL or shape[1] % CELL:
        raise ValueError(
            f"fit_change needs two arrays [h, w, 3] with sides in multiples of {CELL}, "
            f"got {shape}, {changed.shape}"
        )
    return _fit(photo, changed)


def apply_change(grid: np.ndarray, photo: AnyImage) -> Iterator[np.ndarray]:
    """Apply the change to a photo of any size, from top to bottom.

    Args:
      grid: from `fit_change`.
      photo: uint8, uint16 or unit floats [h, w, 3].

    Yields:
      Bands of rows, unit float32 [rows, w, 3], not clipped.
    """
    height, width, _ = photo.shape
    strips = _strips(width, grid.shape[1] - 1)
    for top in range(0, height, _ROWS):
        nodes = _at_rows(grid, np.arange(top, top + _ROWS), height)
        rows = photo[top : top + _ROWS]
        band = np.empty(rows.shape, np.float32)
        for first in range(0, len(strips), _STRIPS):
            _fill(band, rows, nodes, strips[first : first + _STRIPS])
        yield band


class _Strip(NamedTuple):
    """Columns `left` to `right` of one cell, with the position of each in the cell, 0 to 1."""

    cell: int
    left: int
    right: int
    share: np.ndarray


def _strips(width: int, cells: int) -> list[_Strip]:
    strips = []
    cell, share = _place(np.arange(width), width, cells)
    edges = np.searchsorted(cell, np.arange(cells + 1))
    for index, (left, right) in enumerate(itertools.pairwise(edges)):
        for start in range(left, right, _STRIP):
            stop = min(start + _STRIP, right)
            strips.append(_Strip(index, start, stop, share[start:stop]))
    return strips


def _at_rows(grid: np.ndarray, rows: np.ndarray, height: int) -> np.ndarray:
    """Interpolate the grid between its rows of nodes: [rows, x, z, 12]."""
    cell, share = _place(rows, height, grid.shape[0] - 1)
    nodes = grid.reshape(*grid.shape[:3], 12)
    share = share[:, None, None, None]
    return nodes[cell] * (1 - share) + nodes[cell + 1] * share


def _place(pixels: np.ndarray, count: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of each pixel along one axis and its position in the cell, 0 to 1."""
    position = np.minimum((pixels + 0.5) / count, 1.0) * cells
    cell = np.minimum(position.astype(int), cells - 1)
    return cell, (position - cell).astype(np.float32)


def _fill(band: np.ndarray, rows: np.ndarray, nodes: np.ndarray, strips: Sequence[_Strip]) -> None:
    """Write the changed colours of some strips of the photo's rows into `band`."""
    height = len(rows)
    dtype = np.uint16 if rows.dtype.kind == "u" else np.float32
    colours = np.zeros((_ROWS, _STRIPS, _STRIP, 3), dtype)
    shares = np.zeros((_STRIPS, _STRIP), np.float32)
    cells = np.zeros(_STRIPS, int)
    for index, strip in enumerate(strips):
        length = strip.right - strip.left
        colours[:height, index, :length] = rows[:, strip.left : strip.right]
        shares[index, :length], cells[index] = strip.share, strip.cell
    white = white_level(rows.dtype)
    changed = np.asarray(_apply(nodes[:, cells], nodes[:, cells + 1], shares, colours, white))
    for index, strip in enumerate(strips):
        length = strip.right - strip.left
        band[:, strip.left : strip.right] = changed[:height, index, :length]


@jax.jit
def _apply(
    left: jax.Array, right: jax.Array, shares: jax.Array, colours: jax.Array, white: jax.Array
) -> jax.Array:
    """Transform colours between the two nodes of their row.

    All pixels of a cell have the same nodes, so the program sums over all brightness levels with
    most weights zero. Unlike a gather at every pixel, this compiles to one loop of multiplications
    without memory traffic.

    Args:
      left, right: the nodes, [rows, strips, z, 12].
      shares: weight of the right node, [strips, pixels].
      colours: [rows, strips, pixels, 3].
      white: largest level of `colours`.
    """
    photo = colours.astype(jnp.float32) / white
    red, green, blue = (photo[..., channel] for channel in range(3))
    brightness = _brightness(photo)
    weights = [_tent(brightness * (LEVELS - 1) - level) for level in range(LEVELS)]

    def entry(nodes: jax.Array, index: int) -> jax.Array:
        return _sum(nodes[:, :, z, index, None] * weight for z, weight in enumerate(weights))

    def between(index: int) -> jax.Array:
        low = entry(left, index)
        return low + shares[None] * (entry(right, index) - low)

    channels = [
        red * between(c) + green * between(3 + c) + blue * between(6 + c) + between(9 + c)
        for c in range(3)
    ]
    return jnp.stack(channels, axis=-1)


def _fit(photo: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Solve each node's least squares from sums of products over the pixels near it."""
    near = _blurred(_products(photo, changed))
    far = near
    for _ in range(_FAR_BLURS):
        far = _blurred(far)
    everywhere = np.mean(near, axis=(0, 1, 2), keepdims=True)
    sums = near + _NEIGHBOURS * far + _EVERYWHERE * everywhere
    sums = sums.reshape(*sums.shape[:3], 4, 7)
    unchanged = np.eye(4, 7) + np.eye(4, 7, 4)  # the changed photo equals the photo
    sums = sums + _IDENTITY * sums[..., 3:4, 3:4] * unchanged
    return np.linalg.solve(sums[..., :4], sums[..., 4:]).astype(np.float32)


def _products(photo: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Average the products of (r, g, b, 1) and (r, g, b, 1, changed) around each node."""
    height, width, _ = photo.shape
    down, along = height // CELL, width // CELL
    sums = np.zeros((down + 1, along + 1, LEVELS, 4 * 7))
    for row in range(down):
        pixels = slice(row * CELL, (row + 1) * CELL)
        corners = np.asarray(_row_products(photo[pixels], changed[pixels]))
        for a, b in itertools.product((0, 1), repeat=2):
            sums[row + a, b : b + along] += corners[:, a, b]
    return sums


@jax.jit
def _row_products(photo: jax.Array, changed: jax.Array) -> jax.Array:
    """Average the products around the four corners of each cell in a row of cells.

    One row at a time stays in the processor's caches, and a program serves all heights.

    Args:
      photo, changed: [CELL, w, 3].

    Returns:
      [w / CELL, 2, 2, LEVELS, 4 * 7].
    """
    along = photo.shape[1] // CELL

    def by_cell(x: jax.Array) -> jax.Array:
        cells = x.reshape(CELL, along, CELL, -1).transpose(1, 0, 2, 3)
        return cells.reshape(along, CELL * CELL, -1)

    inputs = jnp.concatenate([photo, jnp.ones_like(photo[..., :1])], axis=-1)
    outputs = jnp.concatenate([inputs, changed], axis=-1)
    products = by_cell(inputs[..., :, None] * outputs[..., None, :])
    share = (jnp.arange(CELL) + 0.5) / CELL
    near = jnp.stack([1.0 - share, share])
    corners = jnp.einsum("ay,bx->yxab", near, near).reshape(1, CELL * CELL, 4, 1)
    brightness = by_cell(_brightness(photo)[..., None]) * (LEVELS - 1)
    levels = jnp.arange(LEVELS).reshape(1, 1, LEVELS)
    weights = corners * _tent(brightness - levels)[..., None, :]
    weights = weights.reshape(along, CELL * CELL, 4 * LEVELS)
    sums = jnp.einsum("xpk,xpq->xkq", weights, products) / CELL**2
    return sums.reshape(along, 2, 2, LEVELS, 4 * 7)


def _sum(terms: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, terms)


def _brightness(photo: jax.Array) -> jax.Array:
    return 0.25 * photo[..., 0] + 0.5 * photo[..., 1] + 0.25 * photo[..., 2]


def _tent(distance: jax.Array) -> jax.Array:
    """Weight of linear interpolation between nodes at unit distance."""
    return jnp.maximum(1.0 - jnp.abs(distance), 0.0)


def _blurred(grid: np.ndarray) -> np.ndarray:
    """Blur the grid over height and width, but not over brightness, by 1 : 2 : 1."""
    for axis in (0, 1):
        padding = [(0, 0)] * grid.ndim
        padding[axis] = (1, 1)
        wide, count = np.pad(grid, padding, mode="edge"), grid.shape[axis]
        low, middle, high = (wide.take(range(i, i + count), axis) for i in range(3))
        grid = (low + 2.0 * middle + high) / 4.0
    return grid
