"""The pictures behind the scores of single photos."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from cinegan_jax.data.pairs import BrokenPair, PairSource
from cinegan_jax.evaluation.evaluate import prepare_pair
from cinegan_jax.evaluation.methods import Method
from cinegan_jax.evaluation.protocols import Prepare
from cinegan_jax.ops.colour import srgb_to_lab

FULL_DIFFERENCE = 20.0
"""The delta E 76 that is white in a picture of differences."""


class PhotoPictures(NamedTuple):
    """One photo and what was made of it, uint8 [h, w, 3] each."""

    name: str
    photo: np.ndarray
    target: np.ndarray
    results: Mapping[str, np.ndarray]
    """By method."""
    clean: np.ndarray | None = None
    """The target without its grain, where it is known."""


def make_pictures(
    pairs: PairSource, methods: Mapping[str, Method], prepare: Prepare, names: Iterable[str]
) -> Iterator[PhotoPictures]:
    """The pictures of the named photos, one photo at a time; one that has none is left out."""
    index = {name: number for number, name in enumerate(pairs.names)}
    for name in names:
        try:
            pair = prepare_pair(pairs[index[name]], prepare)
            results = {method: make(pair, prepare) for method, make in methods.items()}
        except BrokenPair:
            continue
        yield PhotoPictures(name, pair.input, pair.target, results, pair.clean)


def difference(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Where two pictures differ: delta E 76 of each pixel, black at 0 and white at 20.

    Args:
        picture: uint8 [h, w, 3].
        reference: uint8 [h, w, 3].

    Returns:
        uint8 [h, w, 3], grey.
    """
    labs = (np.asarray(srgb_to_lab(levels / np.float32(255))) for levels in (picture, reference))
    distance = np.linalg.norm(np.subtract(*labs), axis=-1, keepdims=True)
    share = np.clip(distance / FULL_DIFFERENCE, 0, 1)
    return np.rint(255 * share).astype(np.uint8).repeat(3, axis=-1)
