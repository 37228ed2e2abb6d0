"""A few examples of a source, brought to one size as training brings them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from cinegan_jax.data.examples import AnExample, BrokenExample, ExampleSource
from cinegan_jax.data.geometry import centre_crop, centre_square, squash
from cinegan_jax.data.pictures import PictureSource
from cinegan_jax.data.transforms import require_crop
from cinegan_jax.errors import UserError

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
