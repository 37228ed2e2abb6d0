"""What a training example goes through after it is read: to the training size, a random flip.

All pictures of an example are treated alike.
"""

from collections.abc import Callable, Mapping

import numpy as np

from cinegan_jax.data.examples import BrokenExample, Example
from cinegan_jax.data.geometry import centre_square, fit_short_side, squash

Arrays = Mapping[str, np.ndarray]
"""The pictures of an example by name, uint8 of one shape [h, w, 3]."""


def require_crop(example: Example, size: int) -> None:
    """Raises BrokenExample where the example's pictures are smaller than size x size.

    All `CROPS` but `squash` need as much.
    """
    height, width = _sides(example.arrays)
    if min(height, width) < size:
        raise BrokenExample(
            example.name,
            f"{width}x{height} is too small for crops of {size}x{size}: "
            "lower data.size, or squash with data.crop=squash",
        )


def random_crop(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """The same size x size window of all pictures, every position equally likely."""
    height, width = _sides(arrays)
    top = rng.integers(height - size + 1)
    left = rng.integers(width - size + 1)
    return {key: array[top : top + size, left : left + size] for key, array in arrays.items()}


def short_side_crop(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """All pictures reduced until the short side is `size`, then the same random window of each."""
    reduced = {key: fit_short_side(array, size) for key, array in arrays.items()}
    return random_crop(reduced, size, rng)


def centre_all(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """The square in the middle of all pictures, reduced to size x size."""
    del rng
    return {key: centre_square(array, size) for key, array in arrays.items()}


def random_flip(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """All pictures mirrored left to right, or none, with equal chances."""
    if rng.integers(2):
        return {key: array[:, ::-1] for key, array in arrays.items()}
    return arrays


def squash_all(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """All pictures squashed to size x size, the aspect lost (the published protocol)."""
    del rng
    return {key: squash(array, size) for key, array in arrays.items()}


def _sides(arrays: Arrays) -> tuple[int, int]:
    height, width = next(iter(arrays.values())).shape[:2]
    return height, width


CROPS: dict[str, Callable[[Arrays, int, np.random.Generator], Arrays]] = {
    "crop": random_crop,
    "short_side": short_side_crop,
    "centre": centre_all,
    "squash": squash_all,
}
"""The values of `config.data.crop`: how an example is brought to the training size."""
