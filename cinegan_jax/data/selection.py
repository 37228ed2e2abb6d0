"""Deterministic selections from a source: evenly spaced examples, and random pixels of pairs."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import AnExample, BrokenExample, ExampleSource
from cinegan_jax.data.images import ImageSource
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.transforms import centre_crop, centre_square, require_crop, squash

FITS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "crop": centre_crop,
    "short_side": centre_square,
    "centre": centre_square,
    "squash": squash,
}
"""Functions that bring held-out images to the training size, by `config.data.crop`."""


def evenly_spaced(
    source: ExampleSource[AnExample], count: int, size: int, crop: str
) -> Iterator[AnExample]:
    """Yield `count` evenly spaced examples; leave out broken and too small ones.

    Args:
      source: the examples.
      count: number of examples to try, at most all.
      size: minimum height and width, except for `squash`.
      crop: `config.data.crop`.
    """
    indices = np.linspace(0, len(source) - 1, min(count, len(source))).astype(int)
    return _usable(source, indices, size, crop)


def stratified_images(source: ImageSource, count: int, size: int, crop: str) -> np.ndarray:
    """Select one image from each of `count` equal stretches of the source.

    The place in a stretch is drawn with a fixed seed. Evenly spaced images of a source that repeats
    itself would show only a few of its modes.

    Args:
      source: the images.
      count: number of stretches, at most one per image.
      size: height and width of the result.
      crop: `config.data.crop`, which chooses one of `FITS`.

    Returns:
      uint8 [n, size, size, 3], where n is 2 or more; broken and too small images are left out.

    Raises:
      UserError: fewer than two images can be used.
    """
    drawn = min(count, len(source))
    places = np.arange(drawn) + np.random.default_rng(0).random(drawn)
    indices = (places * (len(source) / max(drawn, 1))).astype(int)
    found = [FITS[crop](each.target, size) for each in _usable(source, indices, size, crop)]
    if len(found) < 2:
        raise UserError(
            f"{len(found)} of {len(source)} images can be read at {size}x{size}, but set-level "
            "metrics need two or more: check config.data"
        )
    return np.stack(found)


def sample_pixels(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> tuple[np.ndarray, np.ndarray]:
    """Draw random pixels of random pairs.

    Args:
      pairs: the training split; broken pairs are skipped.
      seed: random seed of pairs and pixels.
      max_pairs: maximum number of pairs.
      pixels: total number of pixels, divided evenly among the pairs.

    Returns:
      The pixels before and after: unit float32 [p, 3] each.

    Raises:
      UserError: no pair can be read.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pairs))[:max_pairs]
    inputs, targets = [], []
    for index in map(int, chosen):
        try:
            pair = pairs[index]
        except BrokenExample:
            continue
        picks = rng.integers(pair.input[..., 0].size, size=-(-pixels // len(chosen)))
        inputs.append(pair.input.reshape(-1, 3)[picks])
        targets.append(pair.target.reshape(-1, 3)[picks])
    if not inputs:
        raise UserError(
            f"no LUT can be fitted: none of {len(chosen)} training pairs can be read; "
            "check config.data.path"
        )
    return _unit(inputs), _unit(targets)


def _usable(
    source: ExampleSource[AnExample], indices: Iterable[int], size: int, crop: str
) -> Iterator[AnExample]:
    for index in indices:
        try:
            example = source[int(index)]
            if crop != "squash":
                require_crop(example, size)
            yield example
        except BrokenExample:
            continue


def _unit(pixels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pixels) / np.float32(255)
