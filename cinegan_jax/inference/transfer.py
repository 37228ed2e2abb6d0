"""A change made to a reduced photo, carried to the full one.

Bilateral guided upsampling (Chen, Adams, Wadhwa, Hasinoff, ACM TOG 35(6), 2016): the change is
fitted by a coarse grid over height, width and brightness with an affine colour transform at each
node, and is read at every full-size pixel by trilinear interpolation. Every pixel keeps its own
detail, edges keep theirs as both sides differ in brightness, and no seam can appear.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.inference.resize import resize
from cinegan_jax.inference.trained_look import TrainedLook, apply_generator
from cinegan_jax.nets.res_unet import Generator
from cinegan_jax.types import Params

LONG_SIDE = 768
"""Of the reduced photo, at most."""
STEP = 64
"""Sides of the reduced photo are multiples of this, so that few programs are ever compiled."""

NODES = (25, 33, 9)
"""Nodes of the grid over the short side, the long side and brightness."""

NEIGHBOURS = 1e-2
"""Weight of each node's wider surroundings, which carry it where few pixels are near."""
EVERYWHERE = 1e-4
"""Weight of the whole picture, for nodes that no pixel is near."""
FAR_BLURS = 6
IDENTITY = 1e-5
"""Weight of leaving colours alone, which settles what the pixels leave open."""


def transfer(photo: np.ndarray, look: TrainedLook, strength: float) -> Iterator[np.ndarray]:
    """The look at full size from what the network makes of a reduced photo.

    Args:
      photo: uint8 or uint16 [h, w, 3], any size.
      look: what to make of it.
      strength: photo + strength * (look - photo).

    Yields:
      Unit float32 [some rows, w, 3] from top to bottom, not clipped.
    """
    small = resize(photo, *reduced_shape(*photo.shape[:2]))
    made = _generate(look.generator, look.kernels, small)
    yield from apply_change(strengthened(fit_change(small, made), strength), photo)


def reduced_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture that the network sees: multiples of 64, nearly as slim."""
    scale = min(LONG_SIDE / max(height, width), 1.0)
    rows, columns = (max(STEP, round(side * scale / STEP) * STEP) for side in (height, width))
    return rows, columns


def strengthened(grid: jax.Array, strength: float) -> jax.Array:
    """Each transform as the identity and `strength` times what it changes."""
    identity = jnp.eye(4, 3)[None, None, None]
    return identity + strength * (grid - identity)


@partial(jax.jit, static_argnums=0)
def _generate(generator: Generator, kernels: Params, photo: jax.Array) -> jax.Array:
    """Unit [h, w, 3] to unit [h, w, 3], not clipped."""
    return (apply_generator(generator, kernels, 2.0 * photo[None] - 1.0)[0] + 1.0) / 2.0


def fit_change(photo: np.ndarray, picture: np.ndarray) -> jax.Array:
    """The grid of affine transforms that turns a photo into a picture, in the least squares.

    Args:
      photo: unit float32 [h, w, 3].
      picture: what the network made of it, unit float32 [h, w, 3].

    Returns:
      float32 [y, x, z, 4, 3]: at each node the rows for red, green, blue and one.

    Raises:
      ValueError: the two differ in shape.
    """
    if photo.shape != picture.shape or photo.ndim != 3 or photo.shape[-1] != 3:
        raise ValueError(f"fit_change needs two [h, w, 3], got {photo.shape}, {picture.shape}")
    rows, columns, levels = NODES
    if photo.shape[0] > photo.shape[1]:
        rows, columns = columns, rows
    return _fit(photo, picture, (rows, columns, levels))


def apply_change(grid: jax.Array, photo: np.ndarray) -> Iterator[np.ndarray]:
    """The full-size picture from top to bottom, a band of rows at a time.

    Args:
      grid: of `fit_change`.
      photo: uint8 or uint16 [h, w, 3].

    Yields:
      Unit float32 [some rows, w, 3], not clipped.
    """
    height, width, _ = photo.shape
    cells = grid.shape[0] - 1
    tall, wide = -(-height // cells), -(-width // (grid.shape[1] - 1))
    padded_width = wide * (grid.shape[1] - 1)
    for cell, top in enumerate(range(0, height, tall)):
        rows = photo[top : top + tall]
        missing = (0, tall - len(rows)), (0, padded_width - width), (0, 0)
        band = _apply(grid[cell : cell + 2], np.pad(rows, missing))
        yield np.asarray(band[: len(rows), :width])


@partial(jax.jit, static_argnames="nodes")
def _fit(photo: jax.Array, picture: jax.Array, nodes: tuple[int, int, int]) -> jax.Array:
    """Each node's least squares, from sums of products over the pixels near it."""
    rows, columns, levels = nodes
    height, width, _ = photo.shape
    inputs = jnp.concatenate([photo, jnp.ones((height, width, 1))], axis=-1)
    outputs = jnp.concatenate([inputs, picture], axis=-1)
    products = (inputs[..., :, None] * outputs[..., None, :]).reshape(height, width, -1)
    near = jnp.einsum(
        "hwp,hy,wx,hwz->yxzp",
        products,
        _tents(_centres(height), rows),
        _tents(_centres(width), columns),
        _tents(_brightness(photo), levels),
        optimize="optimal",
    )
    near = _blurred(near)
    far = near
    for _ in range(FAR_BLURS):
        far = _blurred(far)
    everywhere = jnp.mean(near, axis=(0, 1, 2), keepdims=True)
    sums = near + NEIGHBOURS * far + EVERYWHERE * everywhere
    sums = sums.reshape(*sums.shape[:3], 4, 7)
    unchanged = jnp.eye(4, 7) + jnp.eye(4, 7, 4)  # photo and picture alike
    sums = sums + IDENTITY * sums[..., 3:4, 3:4] * unchanged.reshape(1, 1, 1, 4, 7)
    return jnp.linalg.solve(sums[..., :4], sums[..., 4:])


@jax.jit
def _apply(nodes: jax.Array, band: jax.Array) -> jax.Array:
    """The rows between two rows of nodes, [2, x, z, 4, 3]; uint [rows, w, 3] to unit floats.

    Within a cell the same nodes meet every pixel: a matrix product instead of a gather a pixel.
    """
    cells, levels = nodes.shape[1] - 1, nodes.shape[2]
    rows, width, _ = band.shape
    blocks = band.reshape(rows, cells, width // cells, 3).transpose(1, 0, 2, 3)
    photo = blocks.astype(jnp.float32) / jnp.iinfo(band.dtype).max
    down, right = _tents(_centres(rows), 2), _tents(_centres(width // cells), 2)
    weights = jnp.einsum("ry,cx,brcz->brcyxz", down, right, _tents(_brightness(photo), levels))
    corners = jnp.stack([nodes[:, :-1], nodes[:, 1:]], axis=2)  # [y, cell, x, z, 4, 3]
    transforms = jnp.einsum("brcyxz,ybxzio->brcio", weights, corners)
    picture = jnp.einsum("brci,brcio->brco", photo, transforms[..., :3, :])
    picture += transforms[..., 3, :]
    return picture.transpose(1, 0, 2, 3).reshape(rows, width, 3)


def _centres(count: int) -> jax.Array:
    """Where the centres of so many pixels lie in 0..1."""
    return (jnp.arange(count) + 0.5) / count


def _brightness(photo: jax.Array) -> jax.Array:
    return photo @ jnp.array([0.25, 0.5, 0.25])


def _tents(positions: jax.Array, nodes: int) -> jax.Array:
    """Linear interpolation's weights: positions [...] in 0..1 to [..., nodes]."""
    steps = jnp.arange(nodes).reshape([1] * positions.ndim + [nodes])
    distance = positions[..., None] * (nodes - 1) - steps
    return jnp.maximum(1.0 - jnp.abs(distance), 0.0)


def _blurred(grid: jax.Array) -> jax.Array:
    """Each node and its neighbours in the picture, 1 : 2 : 1; not those of other brightness."""
    for axis in (0, 1):
        padding = [(0, 0)] * grid.ndim
        padding[axis] = (1, 1)
        wide, count = jnp.pad(grid, padding, mode="edge"), grid.shape[axis]
        low, middle, high = (jax.lax.slice_in_dim(wide, i, i + count, axis=axis) for i in range(3))
        grid = (low + 2.0 * middle + high) / 4.0
    return grid
