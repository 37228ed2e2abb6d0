"""Which photos' images an evaluation's page has."""

import base64
import io
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from listed_pairs import ListedPairs
from made_evaluations import NAMES, evaluation_of, flat_images
from PIL import Image

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.paired_page import (
    EMBEDDED_SIDE,
    PhotoImages,
    display_order,
    embed_images,
    image_maker,
)
from cinegan_jax.evaluation.scope import Prepare


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_the_worst_by_any_metric_come_first_and_then_an_even_spread() -> None:
    names = tuple(f"{number:03}" for number in range(200))
    evaluation = evaluation_of(names)
    order = display_order(evaluation, "native", "target", "generator")
    assert sorted(order) == list(names)
    ranked = [p.name for p in evaluation.worst("native", "target", "generator", "psnr", 200)]
    assert order[:10] == ranked[:10]  # of these metrics all agree
    spread = sorted(ranked.index(name) for name in order[10:26])
    assert max(np.diff([0, *spread, 199])) < 40


def test_a_photo_without_a_score_comes_last() -> None:
    order = display_order(evaluation_of(generator=np.nan), "native", "target", "generator")
    assert sorted(order) == list(NAMES)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_images_are_embedded_up_to_the_budget(count: int) -> None:
    (one,) = embed_images(flat_images, NAMES[:1])
    size = sum(len(base64.b64decode(uri.partition(",")[2])) for uri in one["images"].values())
    asked = []

    def images(names: Iterable[str]) -> Iterator[PhotoImages]:
        for name in names:
            asked.append(name)
            yield from flat_images([name])

    found = embed_images(images, NAMES, budget=count * size)
    assert [photo["name"] for photo in found] == list(NAMES[: max(count, 1)])  # never none
    assert len(asked) == max(count, 1) + 1


def test_large_images_are_reduced_and_keep_their_colours() -> None:
    wide = np.full((100, 2 * EMBEDDED_SIDE, 3), (200, 100, 50), np.uint8)
    (found,) = embed_images(lambda names: iter([PhotoImages("a", wide, wide, {})]), ["a"])
    assert (found["width"], found["height"]) == (EMBEDDED_SIDE, 50)
    image = opened(found["images"]["photo"])
    assert image.size == (EMBEDDED_SIDE, 50)
    assert np.abs(np.asarray(image, int) - (200, 100, 50)).max() <= 3


def test_images_are_made_of_pairs_by_name(listed_pairs: type[ListedPairs]) -> None:
    grey = np.zeros((8, 8, 3), np.uint8)
    good, refused = (Pair(name, grey, grey + 1) for name in ("good", "refused"))
    pairs = listed_pairs([good, BrokenExample("broken", "torn"), refused])

    def refuse(pair: Pair, prepare: Prepare) -> np.ndarray:
        if pair.name == "refused":
            raise BrokenExample(pair.name, "no result")
        return prepare(pair.input + 9)

    making = image_maker(pairs, {"input": lambda pair, prepare: pair.input, "lut": refuse})
    (found,) = making(["refused", "broken", "good"])
    assert found.name == "good"
    assert list(found.results) == ["lut"]
    assert (found.photo.max(), found.target.max(), found.results["lut"].max()) == (0, 1, 9)
