"""Fixed selections of a source: evenly spaced examples, and random pixels of pairs."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import AnExample, BrokenExample, ExampleSource
from cinegan_jax.data.images import PictureSource
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.transforms import centre_crop, centre_square, require_crop, squash

FITS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "crop": centre_crop,
    "short_side": centre_square,
    "centre": centre_square,
    "squash": squash,
}
"""How held-out pictures are brought to the training size, by `config.data.crop`."""


def spread_examples(
    source: ExampleSource[AnExample], count: int, size: int, crop: str
) -> Iterator[AnExample]:
    """`count` examples, spread evenly over the source; those that cannot serve are left out.

    Args:
      source: of examples.
      count: how many; all where there are no more.
      size: height and width that each must have room for.
      crop: as `config.data.crop`.
    """
    indices = np.linspace(0, len(source) - 1, min(count, len(source))).astype(int)
    return _usable(source, indices, size, crop)


def spread_pictures(source: PictureSource, count: int, size: int, crop: str) -> np.ndarray:
    """`count` pictures, fitted: uint8 [n, size, size, 3], n of 2 or more.

    One is drawn from each of `count` equal stretches of the source, always the same one: at equal
    distances a source that repeats itself would be seen through a few of its kinds.

    Raises:
      UserError: there are fewer than two that can serve.
    """
    drawn = min(count, len(source))
    places = np.arange(drawn) + np.random.default_rng(0).random(drawn)
    indices = (places * (len(source) / max(drawn, 1))).astype(int)
    found = [FITS[crop](each.target, size) for each in _usable(source, indices, size, crop)]
    if len(found) < 2:
        raise UserError(
            f"of {len(source)} pictures {len(found)} can be read at {size}x{size}, and scores "
            "of sets need two or more: look at config.data"
        )
    return np.stack(found)


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


def sample_pixels(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels of random pairs before and after: unit float32 [p, 3] both.

    Args:
        pairs: the training split; broken ones are passed over.
        seed: for the choice of pairs and pixels.
        max_pairs: how many pairs are looked at.
        pixels: how many pixels are taken in all, spread evenly over those pairs.

    Raises:
        UserError: no pair could be read.
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
            f"no LUT can be fitted: none of {len(chosen)} training pairs could be read; "
            "check config.data.path"
        )
    return _unit(inputs), _unit(targets)


def _unit(pixels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pixels) / np.float32(255)
