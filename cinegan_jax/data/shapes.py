"""A synthetic set of images with known statistics: one coloured shape on a plain background.

Each kind of shape in each colour is a mode. All modes have the same number of images, so the modes
that a generator covers can be counted (see `metrics.modes`). At equal size, all kinds have the same
area. The other properties have uniform distributions:

- size: the radius of the disc with the shape's area is in `RADIUS`;
- position: each coordinate of the centroid is within `CENTRE_SHIFT` of the image centre;
- rotation: at most `TURN` in either direction.

Lengths are fractions of the image side, so a set is the same at every size.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.images import SingleImage

SHAPES_PATH = "shapes"
"""Value of `config.data.path` for this set."""

COUNTS: Mapping[str, int] = {"train": 10_000, "test": 1_000}
"""Number of images in each split."""

BACKGROUND = (244, 240, 231)
SHAPE_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 64, 53),
    "yellow": (240, 178, 35),
    "green": (62, 148, 92),
    "blue": (44, 104, 176),
    "violet": (130, 74, 148),
}
"""sRGB values, 0..255."""

RADIUS = (0.18, 0.25)
CENTRE_SHIFT = 0.08
TURN = math.radians(20)

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Signed distance of points (right of, below the centre) from a shape's outline, negative inside.

The unit is the radius of the disc with the shape's area. Corners stay sharp: the distance is that
to the nearest of the lines that bound the shape."""


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) - 1


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) - math.sqrt(math.pi) / 2


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    inradius = math.sqrt(math.pi / math.sqrt(27))
    return np.maximum(v, (math.sqrt(3) * abs(u) - v) / 2) - inradius


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    outer, inner = 1.25, 0.75
    return abs(np.hypot(u, v) - (outer + inner) / 2) - (outer - inner) / 2


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    length = math.sqrt(math.pi * 9 / 20)
    near, far = np.minimum(abs(u), abs(v)), np.maximum(abs(u), abs(v))
    return np.maximum(near - length / 3, far - length)


KINDS: Mapping[str, Distance] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "ring": _ring,
    "cross": _cross,
}

SHAPE_MODES: Sequence[str] = [f"{colour} {kind}" for kind in KINDS for colour in SHAPE_COLOURS]
"""Every kind in every colour; image i of a split has mode i modulo their number."""


class Shape(NamedTuple):
    """Parameters of one drawn image; lengths are fractions of the image side."""

    kind: str
    colour: str
    right: float
    """Distance of the centroid from the left edge."""
    down: float
    """Distance of the centroid from the upper edge."""
    radius: float
    """Radius of the disc with the shape's area."""
    turn: float
    """Rotation in radians, clockwise."""


class DrawnShapes:
    """Drawn images of a split; each depends on its index and split alone.

    Args:
      split: `train` or `test`.
      size: height and width in pixels.

    Raises:
      UserError: the split does not exist.
    """

    kind = "images"

    def __init__(self, split: str, size: int):
        if split not in COUNTS:
            raise UserError(f"the shapes have no split {split!r}; choose {' or '.join(COUNTS)}")
        self._stream, self._size = SPLITS.index(split), size
        self.names: Sequence[str] = [
            f"{index:05d} {SHAPE_MODES[index % len(SHAPE_MODES)]}" for index in range(COUNTS[split])
        ]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SingleImage:
        return SingleImage(self.names[index], draw(self.shape(index), self._size))

    def shape(self, index: int) -> Shape:
        """Return the parameters of image `index`."""
        colour, kind = SHAPE_MODES[index % len(SHAPE_MODES)].split()
        rng = np.random.default_rng([self._stream, index])
        right, down = rng.uniform(0.5 - CENTRE_SHIFT, 0.5 + CENTRE_SHIFT, 2)
        return Shape(kind, colour, right, down, rng.uniform(*RADIUS), rng.uniform(-TURN, TURN))


def draw(shape: Shape, size: int) -> np.ndarray:
    """Draw a shape, uint8 [size, size, 3]; edges are blended in sRGB values."""
    share = coverage(shape, size)[..., None]
    background, colour = (
        np.array(rgb, np.float32) for rgb in (BACKGROUND, SHAPE_COLOURS[shape.colour])
    )
    return np.rint(background + share * (colour - background)).astype(np.uint8)


def coverage(shape: Shape, size: int) -> np.ndarray:
    """Compute the share of each pixel that the shape covers, float32 [size, size].

    It falls from 1 to 0 within one pixel across the outline. This is exact for straight edges along
    rows or columns of pixels, and within 0.08 elsewhere except at corners.
    """
    right, down = _centres(size)
    right, down = right - np.float32(shape.right), down - np.float32(shape.down)
    cos, sin = math.cos(shape.turn) / shape.radius, math.sin(shape.turn) / shape.radius
    distance = KINDS[shape.kind](cos * right + sin * down, cos * down - sin * right)
    return np.clip(0.5 - (shape.radius * size) * distance, 0.0, 1.0)


@functools.cache
def _centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of pixel centres, [1, size] and [size, 1]."""
    middles = (np.arange(size, dtype=np.float32) + 0.5) / size
    return middles[None, :], middles[:, None]
