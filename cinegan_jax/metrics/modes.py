"""Which modes of the drawn shapes a generator covers, and how evenly.

The shapes (`data.shapes`) have modes that are known and equally frequent, so mode collapse can be
counted instead of guessed, as with mixtures of Gaussians (Srivastava et al., VEEGAN, arXiv
1705.07761) and stacked digits (Metz et al., arXiv 1611.02163). A picture belongs to the mode that
explains it best: its colour, then its outline is fitted in closed form and by a short search. It
belongs to none where even the best fit leaves much unexplained, as of a blend of two modes.
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
"""The mode of a picture that belongs to none."""

UNEXPLAINED = 0.2
"""The largest share of a picture's squared difference from its ground that its mode may leave
unexplained. Drawn pictures of 64 pixels, also with noise of 24 levels, leave less; 99 % of blends
of two modes that differ in kind and colour leave more, and so do triangles upside down."""

COLOUR_TOLERANCE = 15.0
"""Delta E 76 from its mode's colour up to which a shape is of it, and from `BACKGROUND` up to which
a ground is that of the set; the colours are 33 and more apart."""

_SIDE = 32
"""Pixels at which outlines are compared: half of the smallest set's, against noise."""
_RIM = 3
"""Pixels, of `_SIDE`."""
_ROUND = ("disc", "ring")
_TURNS = tuple(TURN * part for part in (-1, -0.5, 0, 0.5, 1))
_SLACK = 1.15
"""How much smaller or larger than any of the set a shape may be."""


def recognise(pictures: np.ndarray) -> np.ndarray:
    """The mode of each picture.

    Args:
      pictures: uint8 [n, size, size, 3], size a multiple of 32.

    Returns:
      int [n], places in `SHAPE_MODES`, or NONE.
    """
    return np.array([_recognise(picture) for picture in pictures], int)


def mode_counts(pictures: np.ndarray) -> np.ndarray:
    """How many pictures, uint8 [n, size, size, 3], belong to each of `SHAPE_MODES`: int [modes]."""
    modes = recognise(pictures)
    return np.bincount(modes[modes != NONE], minlength=len(SHAPE_MODES))


def mode_scores(pictures: np.ndarray) -> dict[str, float]:
    """What can be said of a sample of pictures, uint8 [n, size, size, 3], n of 1 or more.

    `high_quality`: share of pictures that belong to a mode. Of these: `modes_covered`, the modes
    that occur; `mode_total_variation`, half the absolute difference of their shares from equal
    ones, 0 to 1; `mode_reverse_kl`, the Kullback-Leibler divergence of their shares from equal
    ones, in nats, log(modes) at most. Where none belongs to a mode these are the worst.
    """
    return scores_of_counts(mode_counts(pictures), len(pictures))


def scores_of_counts(counts: np.ndarray, pictures: int) -> dict[str, float]:
    """The same of `mode_counts` of so many pictures."""
    found = int(counts.sum())
    shares = counts / found if found else np.eye(len(counts))[0]
    return {
        "high_quality": found / pictures,
        "modes_covered": float(np.count_nonzero(counts)),
        "mode_total_variation": float(sum(map(_variation, shares))),
        "mode_reverse_kl": float(sum(map(_divergence, shares))),
    }


def expected_scores(pictures: int) -> dict[str, float]:
    """What `mode_scores` is on average of so many pictures drawn at random from the real ones."""
    number = np.arange(pictures + 1)
    chances = stats.binom.pmf(number, pictures, 1 / len(SHAPE_MODES))

    def over_modes(score: Callable[[float], float]) -> float:
        return len(SHAPE_MODES) * float(chances @ [score(share) for share in number / pictures])

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
class _Stain:
    """What stands out from the background: the share of each pixel it covers, [_SIDE, _SIDE]."""

    cover: np.ndarray
    right: float
    down: float
    radius: float

    def error(self, kind: str, turn: float, scale: float = 1.0) -> float:
        """The squared difference from a shape of its place and size."""
        shape = Shape(kind, "", self.right, self.down, self.radius * scale, turn)
        return float(np.square(self.cover - coverage(shape, _SIDE)).sum())


def _recognise(picture: np.ndarray) -> int:
    reduced = _reduced(picture)
    ground = _ground(reduced)
    difference = reduced - ground
    energy = float(np.square(difference).sum())
    colour, rest = min(
        ((name, _beside(difference, SHAPE_COLOURS[name] - ground)) for name in SHAPE_COLOURS),
        key=lambda found: found[1],
    )
    direction = SHAPE_COLOURS[colour] - ground
    square = float(np.square(direction).sum())
    stain = _stain(difference @ direction / square)
    if stain is None or _miscoloured(difference, ground, stain.cover, colour):
        return NONE
    kind, turn = min(_poses(), key=lambda pose: stain.error(*pose))
    turns = (0.0,) if kind in _ROUND else (turn - TURN / 4, turn, turn + TURN / 4)
    least = min(stain.error(kind, *pose) for pose in itertools.product(turns, (0.95, 1.0, 1.05)))
    unexplained = (rest + least * square) / energy
    return SHAPE_MODES.index(f"{colour} {kind}") if unexplained <= UNEXPLAINED else NONE


def _reduced(picture: np.ndarray) -> np.ndarray:
    """uint8 [size, size, 3] to float32 [_SIDE, _SIDE, 3], means of blocks."""
    block = len(picture) // _SIDE
    return picture.reshape(_SIDE, block, _SIDE, block, 3).mean((1, 3), dtype=np.float32)


def _ground(reduced: np.ndarray) -> np.ndarray:
    """The median colour [3] of what lies within `_RIM` of the edge, where no shape reaches."""
    inner = np.zeros((_SIDE, _SIDE), bool)
    inner[_RIM:-_RIM, _RIM:-_RIM] = True
    return np.median(reduced[~inner], axis=0)


def _beside(difference: np.ndarray, direction: np.ndarray) -> float:
    """Squared differences from the ground that no share of a colour's direction explains."""
    share = np.clip(difference @ direction / np.square(direction).sum(), 0, 1)
    return float(np.square(difference - share[..., None] * direction).sum())


def _miscoloured(
    difference: np.ndarray, ground: np.ndarray, cover: np.ndarray, colour: str
) -> bool:
    """Whether the mean colour of what is covered, at full cover, or the ground is none of them."""
    inside = cover > 0.5
    found = ground + difference[inside].mean(0) / cover[inside].mean()
    pairs = np.array([[found, SHAPE_COLOURS[colour]], [ground, BACKGROUND]])
    labs = np.asarray(srgb_to_lab(np.clip(pairs / 255, 0, 1)))
    return bool((np.linalg.norm(labs[:, 0] - labs[:, 1], axis=-1) > COLOUR_TOLERANCE).any())


def _stain(cover: np.ndarray) -> _Stain | None:
    """Place and size by the moments of what is more than half covered: noise has no part in it."""
    inside = cover > 0.5
    radius = math.sqrt(inside.mean() / math.pi)
    if not RADIUS[0] / _SLACK <= radius <= RADIUS[1] * _SLACK:
        return None
    down, right = ((np.argwhere(inside).mean(0) + 0.5) / _SIDE).tolist()
    return _Stain(cover, right, down, radius)


def _poses() -> Iterable[tuple[str, float]]:
    for kind in KINDS:
        for turn in (0.0,) if kind in _ROUND else _TURNS:
            yield kind, turn
