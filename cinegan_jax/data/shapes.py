"""A drawn set of pictures whose statistics are known: one shape of one colour on a plain ground.

A kind of shape in a colour is a mode; there are as many pictures of each, so that what a generator
covers, and how evenly, can be counted (see `metrics.modes`). All kinds have the same area at the
same size. Everything else is drawn from uniform distributions:

- size: the radius of the disc with the shape's area, `RADIUS`;
- position: each coordinate of the centre of gravity lies within `SHIFT` of the middle;
- rotation: within `TURN` either way.

Lengths are shares of the picture's side, so a set is the same at every size.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.images import Picture

DRAWN = "shapes"
"""The `data.path` of this set."""

COUNTS: Mapping[str, int] = {"train": 10_000, "test": 1_000}
"""Pictures of each split."""

BACKGROUND = (244, 240, 231)
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 64, 53),
    "yellow": (240, 178, 35),
    "green": (62, 148, 92),
    "blue": (44, 104, 176),
    "violet": (130, 74, 148),
}
"""sRGB, 0..255."""

RADIUS = (0.18, 0.25)
SHIFT = 0.08
TURN = math.radians(20)

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Signed distance from a shape's outline, negative inside, of points right of and below its
centre; in units of the radius of the disc with its area. Corners stay sharp: it is the distance to
the nearest of the lines that bound the shape."""


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

MODES: Sequence[str] = [f"{colour} {kind}" for kind in KINDS for colour in COLOURS]
"""Every kind in every colour; picture i of a split has mode i modulo their number."""


class Shape(NamedTuple):
    """What a picture shows."""

    kind: str
    colour: str
    right: float
    """Of the centre of gravity, from the left edge, as a share of the side."""
    down: float
    radius: float
    """Of the disc with the shape's area."""
    turn: float
    """Radians, clockwise."""


class DrawnShapes:
    """The drawn pictures of a split; each depends on its index and its split alone.

    Args:
      split: `train` or `test`.
      size: pixels, height and width.

    Raises:
      UserError: there is no such split.
    """

    kind = "pictures"

    def __init__(self, split: str, size: int):
        if split not in COUNTS:
            raise UserError(f"the shapes have no split {split!r}; choose {' or '.join(COUNTS)}")
        self._stream, self._size = SPLITS.index(split), size
        self.names: Sequence[str] = [
            f"{index:05d} {MODES[index % len(MODES)]}" for index in range(COUNTS[split])
        ]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Picture:
        return Picture(self.names[index], draw(self.shape(index), self._size))

    def shape(self, index: int) -> Shape:
        """What picture `index` shows."""
        colour, kind = MODES[index % len(MODES)].split()
        rng = np.random.default_rng([self._stream, index])
        right, down = rng.uniform(0.5 - SHIFT, 0.5 + SHIFT, 2)
        return Shape(kind, colour, right, down, rng.uniform(*RADIUS), rng.uniform(-TURN, TURN))


def draw(shape: Shape, size: int) -> np.ndarray:
    """The picture of a shape, uint8 [size, size, 3]; its edge is blended in sRGB values."""
    share = coverage(shape, size)[..., None]
    background, colour = (np.array(rgb, np.float32) for rgb in (BACKGROUND, COLOURS[shape.colour]))
    return np.rint(background + share * (colour - background)).astype(np.uint8)


def coverage(shape: Shape, size: int) -> np.ndarray:
    """The share of each pixel that the shape covers, float32 [size, size].

    It falls from 1 to 0 within a pixel across the outline: exact for straight edges that run along
    the rows or columns of pixels, within 0.08 elsewhere but at corners.
    """
    right, down = _centres(size)
    right, down = right - np.float32(shape.right), down - np.float32(shape.down)
    cos, sin = math.cos(shape.turn) / shape.radius, math.sin(shape.turn) / shape.radius
    distance = KINDS[shape.kind](cos * right + sin * down, cos * down - sin * right)
    return np.clip(0.5 - (shape.radius * size) * distance, 0.0, 1.0)


@functools.cache
def _centres(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the middles of a picture's pixels lie, [1, size] and [size, 1]."""
    middles = (np.arange(size, dtype=np.float32) + 0.5) / size
    return middles[None, :], middles[:, None]
