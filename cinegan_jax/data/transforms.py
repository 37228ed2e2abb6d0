"""Bring the images of an example to the training size (crop, squash, reduce) and flip them."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from cinegan_jax.data.decode import BrokenPhoto
from cinegan_jax.data.examples import BrokenExample, Example


def fit_short_side(photo: np.ndarray, size: int) -> np.ndarray:
    """The whole photo, its short side reduced to `size` (Lanczos), its aspect kept.

    Args:
      photo: uint8 [h, w, 3], short side at least `size`.

    Returns:
      uint8 [h', w', 3] with min(h', w') == size; the loader cuts size x size crops from it.
    """
    _require(min(photo.shape[:2]) >= size, photo, size, "short")
    return _reduce(photo, size / min(photo.shape[:2]))


def centre_square(photo: np.ndarray, size: int) -> np.ndarray:
    """The largest square in the photo's middle, reduced to size x size (Lanczos).

    Args:
      photo: uint8 [h, w, 3], short side at least `size`.

    Returns:
      uint8 [size, size, 3].
    """
    _require(min(photo.shape[:2]) >= size, photo, size, "short")
    return _reduce(centre_crop(photo, min(photo.shape[:2])), size / min(photo.shape[:2]))


def pad_square(photo: np.ndarray, size: int) -> np.ndarray:
    """The whole photo, its long side reduced to `size`, mirrored at its borders into a square.

    Mirroring keeps the picture's statistics, which instance normalisation sees, unlike bars.

    Args:
      photo: uint8 [h, w, 3], long side at least `size`.

    Returns:
      uint8 [size, size, 3], the photo in its middle.
    """
    _require(max(photo.shape[:2]) >= size, photo, size, "long")
    reduced = _reduce(photo, size / max(photo.shape[:2]))
    missing = [size - side for side in reduced.shape[:2]]
    margins = [(space // 2, space - space // 2) for space in missing]
    return np.pad(reduced, [*margins, (0, 0)], mode="symmetric")


def squash_square(photo: np.ndarray, size: int) -> np.ndarray:
    """`squash` for a photo whose long side is at least `size` (a smaller one is left out)."""
    _require(max(photo.shape[:2]) >= size, photo, size, "long")
    return squash(photo, size)


def squash(photo: np.ndarray, size: int) -> np.ndarray:
    """Squashes a photo to a square as the published protocol does: bilinear, no antialiasing.

    Pixel centres lie at half-integers and borders are clamped, as in `tf.image.resize`. A side of
    twice `size` or more is first divided by a whole number (box mean), or it would alias; FilmSet's
    720x480 is not. The result is rounded to whole levels.

    Args:
      photo: uint8 [h, w, 3].

    Returns:
      uint8 [size, size, 3]; `photo` itself where it has that size already.
    """
    height, width = photo.shape[:2]
    if (height, width) == (size, size):
        return photo
    factors = max(width // size, 1), max(height // size, 1)
    if factors != (1, 1):
        photo = np.asarray(Image.fromarray(photo).reduce(factors))
    rows = _bilinear(photo.astype(np.float32), size, axis=0)
    return np.rint(_bilinear(rows, size, axis=1)).astype(np.uint8)


def centre_crop(photo: np.ndarray, size: int) -> np.ndarray:
    """The middle window: uint8 [h, w, 3], sides at least `size`, to uint8 [size, size, 3]."""
    top, left = ((side - size) // 2 for side in photo.shape[:2])
    return photo[top : top + size, left : left + size]


RESIZES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "crop": fit_short_side,
    "centre": centre_square,
    "squash": squash_square,
    "pad": pad_square,
}
"""The values of `--resize`: photo uint8 [h, w, 3], size -> uint8 [h', w', 3]."""


def _bilinear(levels: np.ndarray, size: int, axis: int) -> np.ndarray:
    length = levels.shape[axis]
    centres = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    below = np.floor(centres).astype(int)
    above = np.minimum(below + 1, length - 1)
    weight = (centres - below).astype(np.float32)[(slice(None),) + (None,) * (2 - axis)]
    low = np.take(levels, below, axis)
    return low + weight * (np.take(levels, above, axis) - low)


def _reduce(photo: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return photo
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    resized = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized)


def _require(large_enough: bool, photo: np.ndarray, size: int, side: str) -> None:
    if not large_enough:
        height, width = photo.shape[:2]
        raise BrokenPhoto(
            f"{width}x{height} is too small: the {side} side must have {size} pixels or more; "
            "lower --size to keep it"
        )


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
