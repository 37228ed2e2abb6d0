"""The pictures of an evaluation's page: which photos, and how large."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.evaluation.methods import Method
from cinegan_jax.evaluation.metric_facts import METRICS
from cinegan_jax.evaluation.protocols import Prepare, as_stored, prepare_pair
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.pages.inline_picture import data_uri, to_jpeg

UNCHANGED = "input"
"""The method whose picture is the photo itself."""
SIDE = 800
"""Pixels of a picture's long side at most."""
BUDGET = 10 * 2**20
"""Bytes of all pictures as JPEG, which take a third more in the page."""
WORST = 10
"""Photos that come first by each metric."""


class PhotoPictures(NamedTuple):
    """One photo and what was made of it, uint8 [h, w, 3] each."""

    name: str
    photo: np.ndarray
    target: np.ndarray
    results: Mapping[str, np.ndarray]
    """By method."""
    clean: np.ndarray | None = None
    """The target without its grain, where it is known."""


Pictures = Callable[[Iterable[str]], Iterator[PhotoPictures]]
"""Makes the pictures of the named photos, one photo at a time; one that has none is left out."""


def pictures_of(
    pairs: PairSource, methods: Mapping[str, Method], prepare: Prepare = as_stored
) -> Pictures:
    """Makes pictures, prepared by a protocol, by every method but the one that changes nothing."""
    indices = {name: index for index, name in enumerate(pairs.names)}
    making = {name: method for name, method in methods.items() if name != UNCHANGED}

    def pictures(names: Iterable[str]) -> Iterator[PhotoPictures]:
        for name in names:
            try:
                pair = prepare_pair(pairs[indices[name]], prepare)
                made = {method: make(pair, prepare) for method, make in making.items()}
            except BrokenExample:
                continue
            yield PhotoPictures(name, pair.input, pair.target, made, pair.clean)

    return pictures


def by_need(evaluation: Evaluation, protocol: str, reference: str, method: str) -> list[str]:
    """All photos: the worst of a method by any metric, then evenly from worst to best."""
    photos = evaluation.select(protocol=protocol, reference=reference, method=method)
    ranked = [
        [photo.name for photo in evaluation.worst(protocol, reference, method, name, len(photos))]
        for name in METRICS
        if any(name in photo.scores for photo in photos)
    ]
    tops = (names[:WORST] for names in ranked)
    worst = [name for row in zip_longest(*tops) for name in row if name is not None]
    rest = _scattered(ranked[0]) if ranked else []
    return list(dict.fromkeys([*worst, *rest, *(photo.name for photo in photos)]))


def embed(pictures: Pictures, names: Iterable[str], budget: int = BUDGET) -> list[dict[str, Any]]:
    """Each photo's pictures as addresses that hold them, in turn until the next would not fit."""
    embedded: list[dict[str, Any]] = []
    used = 0
    for found in pictures(names):
        jpegs = {
            name: to_jpeg(Image.fromarray(picture), SIDE)
            for name, picture in (
                ("photo", found.photo),
                ("target", found.target),
                *found.results.items(),
            )
        }
        used += sum(map(len, jpegs.values()))
        if used > budget and embedded:
            break
        height, width = found.photo.shape[:2]
        uris = {name: data_uri(jpeg) for name, jpeg in jpegs.items()}
        scale = min(1.0, SIDE / max(height, width))
        size = {"width": round(width * scale), "height": round(height * scale)}
        embedded.append({"name": found.name, **size, "pictures": uris})
    return embedded


def _scattered(names: list[str]) -> list[str]:
    """The same names so that any first few lie evenly over the whole (van der Corput's order)."""
    bits = max(len(names) - 1, 1).bit_length()
    order = sorted(range(len(names)), key=lambda i: int(f"{i:0{bits}b}"[::-1], 2))
    return [names[i] for i in order]
