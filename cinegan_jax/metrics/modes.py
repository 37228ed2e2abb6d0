"""Mode coverage on the drawn shapes: which modes a generator covers, and how evenly.

The modes of the shapes (`data.shapes`) are known and equally frequent, so mode collapse can be
counted, as with mixtures of Gaussians (Srivastava et al., VEEGAN, arXiv 1705.07761) and stacked
digits (Metz et al., arXiv 1611.02163). An image belongs to the mode that explains it best: first
its colour, then its outline is fitted, in closed form and by a short search. It belongs to no mode
where the best fit leaves much unexplained, such as for a blend of two modes.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
from scipy import stats

from cinegan_jax.data.shapes import (
    BACKGROUND,
    KINDS,
    RADIUS,
    SHAPE_COLOURS,
    SHAPE_MODES,
    TURN,
    Shape,
    coverage,
)
from cinegan_jax.ops.colour import srgb_to_lab

NONE = -1
"""Stands for the mode of an image that belongs to none."""

UNEXPLAINED = 0.2
"""Largest share of an image's squared difference from its ground that its mode may not explain.

For drawn images of 64 pixels the share is smaller, also with noise of 24 levels. It is larger for
99 % of blends of two modes that differ in kind and colour, and for triangles upside down."""

COLOUR_TOLERANCE = 15.0
"""Largest delta E 76 between a shape and its mode's colour, and between a ground and `BACKGROUND`.

The colours are 33 or more apart."""

_SIDE = 32
"""Image side at which outlines are compared, in pixels: half of the smallest, against noise."""
_RIM = 3
"""Width of the border whose median is the ground, in pixels at `_SIDE`."""
_ROUND = ("disc", "ring")
_TURNS = tuple(TURN * part for part in (-1, -0.5, 0, 0.5, 1))
_SLACK = 1.15
"""Factor by which a shape may be smaller or larger than all drawn ones."""


def recognise(images: np.ndarray) -> np.ndarray:
    """Return the mode of each image.

    Args:
      images: uint8 [n, size, size, 3], size a multiple of 32.

    Returns:
      int [n], indices of `SHAPE_MODES`, or NONE.
    """
    return np.array([_recognise(image) for image in images], int)


def mode_counts(images: np.ndarray) -> np.ndarray:
    """Count the images, uint8 [n, size, size, 3], of each of `SHAPE_MODES`: int [modes]."""
    modes = recognise(images)
    return np.bincount(modes[modes != NONE], minlength=len(SHAPE_MODES))


def mode_scores(images: np.ndarray) -> dict[str, float]:
    """Compute scores of modes of images, uint8 [n, size, size, 3], n of 1 or more.

    `high_quality` is the share of images that belong to a mode. The others describe these images:
    `modes_covered` is the number of modes that occur; `mode_total_variation` is half the absolute
    difference of their shares from equal shares, 0 to 1; `mode_reverse_kl` is the Kullback-Leibler
    divergence of their shares from equal shares, in nats, at most log(modes). Where no image
    belongs to a mode, these have their worst values.
    """
    return scores_of_counts(mode_counts(images), len(images))


def scores_of_counts(counts: np.ndarray, images: int) -> dict[str, float]:
    """Compute the scores of `mode_scores` from the counts of `mode_counts` and the image count."""
    found = int(counts.sum())
    shares = counts / found if found else np.eye(len(counts))[0]
    return {
        "high_quality": found / images,
        "modes_covered": float(np.count_nonzero(counts)),
        "mode_total_variation": float(sum(map(_variation, shares))),
        "mode_reverse_kl": float(sum(map(_divergence, shares))),
    }


def expected_scores(images: int) -> dict[str, float]:
    """Return the mean of `mode_scores` over random samples of that number of real images."""
    number = np.arange(images + 1)
    chances = stats.binom.pmf(number, images, 1 / len(SHAPE_MODES))

    def over_modes(score: Callable[[float], float]) -> float:
        return len(SHAPE_MODES) * float(chances @ [score(share) for share in number / images])

    return {
        "high_quality": 1.0,
        "modes_covered": over_modes(lambda share: float(share > 0)),
        "mode_total_variation": over_modes(_variation),
        "mode_reverse_kl": over_modes(_divergence),
    }


def _variation(share: float) -> float:
    return abs(share - 1 / len(SHAPE_MODES)) / 2


def _divergence(share: float) -> float:
    return share * math.log(share * len(SHAPE_MODES)) if share else 0.0


@dataclasses.dataclass(frozen=True)
class _Blob:
    """Area that differs from the background; `cover` is the share of each pixel, [_SIDE, _SIDE]."""

    cover: np.ndarray
    right: float
    down: float
    radius: float

    def error(self, kind: str, turn: float, scale: float = 1.0) -> float:
        """Return the squared difference from a shape of the same place and size."""
        shape = Shape(kind, "", self.right, self.down, self.radius * scale, turn)
        return float(np.square(self.cover - coverage(shape, _SIDE)).sum())


def _recognise(image: np.ndarray) -> int:
    reduced = _reduced(image)
    ground = _ground(reduced)
    difference = reduced - ground
    energy = float(np.square(difference).sum())
    colour, rest = min(
        ((name, _beside(difference, SHAPE_COLOURS[name] - ground)) for name in SHAPE_COLOURS),
        key=lambda found: found[1],
    )
    direction = SHAPE_COLOURS[colour] - ground
    square = float(np.square(direction).sum())
    blob = _blob(difference @ direction / square)
    if blob is None or _miscoloured(difference, ground, blob.cover, colour):
        return NONE
    kind, turn = min(_poses(), key=lambda pose: blob.error(*pose))
    turns = (0.0,) if kind in _ROUND else (turn - TURN / 4, turn, turn + TURN / 4)
    least = min(blob.error(kind, *pose) for pose in itertools.product(turns, (0.95, 1.0, 1.05)))
    unexplained = (rest + least * square) / energy
    return SHAPE_MODES.index(f"{colour} {kind}") if unexplained <= UNEXPLAINED else NONE


def _reduced(image: np.ndarray) -> np.ndarray:
    """Reduce uint8 [size, size, 3] to float32 [_SIDE, _SIDE, 3], by the means of blocks."""
    block = len(image) // _SIDE
    return image.reshape(_SIDE, block, _SIDE, block, 3).mean((1, 3), dtype=np.float32)


def _ground(reduced: np.ndarray) -> np.ndarray:
    """Return the median colour [3] of the border of width `_RIM`, which no shape reaches."""
    inner = np.zeros((_SIDE, _SIDE), bool)
    inner[_RIM:-_RIM, _RIM:-_RIM] = True
    return np.median(reduced[~inner], axis=0)


def _beside(difference: np.ndarray, direction: np.ndarray) -> float:
    """Return the squared differences from the ground that a colour's direction cannot explain."""
    share = np.clip(difference @ direction / np.square(direction).sum(), 0, 1)
    return float(np.square(difference - share[..., None] * direction).sum())


def _miscoloured(
    difference: np.ndarray, ground: np.ndarray, cover: np.ndarray, colour: str
) -> bool:
    """Return whether the mean colour of the covered area, or the ground, is not of the set."""
    inside = cover > 0.5
    found = ground + difference[inside].mean(0) / cover[inside].mean()
    pairs = np.array([[found, SHAPE_COLOURS[colour]], [ground, BACKGROUND]])
    labs = np.asarray(srgb_to_lab(np.clip(pairs / 255, 0, 1)))
    return bool((np.linalg.norm(labs[:, 0] - labs[:, 1], axis=-1) > COLOUR_TOLERANCE).any())


def _blob(cover: np.ndarray) -> _Blob | None:
    """Return place and size of the area that is more than half covered, which ignores noise."""
    inside = cover > 0.5
    radius = math.sqrt(inside.mean() / math.pi)
    if not RADIUS[0] / _SLACK <= radius <= RADIUS[1] * _SLACK:
        return None
    down, right = ((np.argwhere(inside).mean(0) + 0.5) / _SIDE).tolist()
    return _Blob(cover, right, down, radius)


def _poses() -> Iterable[tuple[str, float]]:
    for kind in KINDS:
        for turn in (0.0,) if kind in _ROUND else _TURNS:
            yield kind, turn
