"""Resizing, cropping and flipping: of single images, and of all images of an example alike."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from cinegan_jax.data.examples import BrokenExample, Example

Arrays = Mapping[str, np.ndarray]
"""Images of an example by their key in a batch, uint8 of one shape [h, w, 3]."""


class ImageTooSmall(Exception):
    """An image too small for the requested size; images are never enlarged."""


def fit_short_side(image: np.ndarray, size: int) -> np.ndarray:
    """Reduce an image (Lanczos) so that its short side is `size`; keep the aspect ratio.

    Args:
      image: uint8 [h, w, 3], short side at least `size`.

    Returns:
      uint8 [h', w', 3] with min(h', w') == size; the loader cuts size x size crops from it.
    """
    _require(min(image.shape[:2]) >= size, image, size, "short")
    return _reduce(image, size / min(image.shape[:2]))


def centre_square(image: np.ndarray, size: int) -> np.ndarray:
    """Cut the largest square from the centre and reduce it to size x size (Lanczos).

    Args:
      image: uint8 [h, w, 3], short side at least `size`.

    Returns:
      uint8 [size, size, 3].
    """
    _require(min(image.shape[:2]) >= size, image, size, "short")
    return _reduce(centre_crop(image, min(image.shape[:2])), size / min(image.shape[:2]))


def pad_square(image: np.ndarray, size: int) -> np.ndarray:
    """Reduce the long side to `size` and pad to a square by mirroring the image at its borders.

    Unlike bars, mirroring keeps the statistics that instance normalisation computes.

    Args:
      image: uint8 [h, w, 3], long side at least `size`.

    Returns:
      uint8 [size, size, 3], with the image in the centre.
    """
    _require(max(image.shape[:2]) >= size, image, size, "long")
    reduced = _reduce(image, size / max(image.shape[:2]))
    missing = [size - side for side in reduced.shape[:2]]
    margins = [(space // 2, space - space // 2) for space in missing]
    return np.pad(reduced, [*margins, (0, 0)], mode="symmetric")


def squash_square(image: np.ndarray, size: int) -> np.ndarray:
    """Apply `squash` to an image whose long side is at least `size`."""
    _require(max(image.shape[:2]) >= size, image, size, "long")
    return squash(image, size)


def squash(image: np.ndarray, size: int) -> np.ndarray:
    """Resize to a square as in the published protocol: bilinear, no antialiasing.

    Pixel centres lie at half-integers and borders are clamped, as in `tf.image.resize`. To avoid
    aliasing, a side of at least twice `size` is first divided by a whole number (box mean); the
    720x480 images of FilmSet are not. The result is rounded.

    Args:
      image: uint8 [h, w, 3].

    Returns:
      uint8 [size, size, 3]; `image` itself if it has that size already.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    factors = max(width // size, 1), max(height // size, 1)
    if factors != (1, 1):
        image = np.asarray(Image.fromarray(image).reduce(factors))
    rows = _bilinear(image.astype(np.float32), size, axis=0)
    return np.rint(_bilinear(rows, size, axis=1)).astype(np.uint8)


def centre_crop(image: np.ndarray, size: int) -> np.ndarray:
    """Cut the central window: uint8 [h, w, 3], sides at least `size`, to uint8 [size, size, 3]."""
    top, left = ((side - size) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size]


RESIZES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "crop": fit_short_side,
    "centre": centre_square,
    "squash": squash_square,
    "pad": pad_square,
}
"""Functions of `--resize`: image uint8 [h, w, 3], size -> uint8 [h', w', 3]. They raise
ImageTooSmall for an image that is smaller than `size`."""


def require_crop(example: Example, size: int) -> None:
    """Raise BrokenExample if the example's images are smaller than size x size.

    All `CROPS` except `squash` need this size.
    """
    height, width = _sides(example.arrays)
    if min(height, width) < size:
        raise BrokenExample(
            example.name,
            f"{width}x{height} is too small for crops of {size}x{size}: "
            "lower data.size, or set data.crop=squash",
        )


def random_crop(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """Cut the same random size x size window from all images; positions are uniform."""
    height, width = _sides(arrays)
    top = rng.integers(height - size + 1)
    left = rng.integers(width - size + 1)
    return {key: array[top : top + size, left : left + size] for key, array in arrays.items()}


def short_side_crop(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """Reduce all images to a short side of `size`, then cut the same random window from each."""
    reduced = {key: fit_short_side(array, size) for key, array in arrays.items()}
    return random_crop(reduced, size, rng)


def centre_all(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """Apply `centre_square` to all images."""
    del rng
    return {key: centre_square(array, size) for key, array in arrays.items()}


def squash_all(arrays: Arrays, size: int, rng: np.random.Generator) -> Arrays:
    """Apply `squash` to all images."""
    del rng
    return {key: squash(array, size) for key, array in arrays.items()}


CROPS: dict[str, Callable[[Arrays, int, np.random.Generator], Arrays]] = {
    "crop": random_crop,
    "short_side": short_side_crop,
    "centre": centre_all,
    "squash": squash_all,
}
"""Functions of `config.data.crop`, which bring an example to the training size."""


def random_flip(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """Mirror all images left to right with probability one half."""
    if rng.integers(2):
        return {key: array[:, ::-1] for key, array in arrays.items()}
    return arrays


def _bilinear(levels: np.ndarray, size: int, axis: int) -> np.ndarray:
    length = levels.shape[axis]
    centres = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    below = np.floor(centres).astype(int)
    above = np.minimum(below + 1, length - 1)
    weight = (centres - below).astype(np.float32)[(slice(None),) + (None,) * (2 - axis)]
    low = np.take(levels, below, axis)
    return low + weight * (np.take(levels, above, axis) - low)


def _reduce(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized)


def _require(large_enough: bool, image: np.ndarray, size: int, side: str) -> None:
    if not large_enough:
        height, width = image.shape[:2]
        raise ImageTooSmall(
            f"{width}x{height} is too small: the {side} side must have {size} pixels or more; "
            "lower --size to keep it"
        )


def _sides(arrays: Arrays) -> tuple[int, int]:
    height, width = next(iter(arrays.values())).shape[:2]
    return height, width
