"""What a training pair goes through after it is read: to the training size, and a random flip."""

from collections.abc import Callable

import numpy as np

from cinegan_jax.data.geometry import squash
from cinegan_jax.data.pairs import BrokenPair, Pair

Pictures = tuple[np.ndarray, np.ndarray]
"""Input and target, uint8 [h, w, 3] each."""


def require_crop(pair: Pair, size: int) -> None:
    """Raises BrokenPair where no size x size crop fits into the pair."""
    height, width = pair.input.shape[:2]
    if min(height, width) < size:
        raise BrokenPair(
            pair.name,
            f"{width}x{height} is too small for crops of {size}x{size}: "
            "lower data.size, or squash with data.crop=squash",
        )


def random_crop(pictures: Pictures, size: int, rng: np.random.Generator) -> Pictures:
    """The same size x size window of both pictures, every position equally likely."""
    height, width = pictures[0].shape[:2]
    top = rng.integers(height - size + 1)
    left = rng.integers(width - size + 1)
    before, after = (picture[top : top + size, left : left + size] for picture in pictures)
    return before, after


def random_flip(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Both pictures mirrored left to right, or neither, with equal chances."""
    if rng.integers(2):
        return pictures[0][:, ::-1], pictures[1][:, ::-1]
    return pictures


def squash_both(pictures: Pictures, size: int, rng: np.random.Generator) -> Pictures:
    """Both pictures squashed to size x size, the aspect lost (the published protocol)."""
    del rng
    return squash(pictures[0], size), squash(pictures[1], size)


CROPS: dict[str, Callable[[Pictures, int, np.random.Generator], Pictures]] = {
    "crop": random_crop,
    "squash": squash_both,
}
"""The values of `config.crop`: how a pair is brought to the training size."""
