"""Places of patches, and what is cut there."""

import numpy as np
import pytest

from cinegan_jax.metrics.sets import cut_patches


def places(
    height: int, width: int, name: str = "a", seed: int = 0, count: int = 3
) -> list[tuple[float, float]]:
    """Return where patches were cut, from a photo whose values are the positions of pixels."""
    rows, columns = np.indices((height, width))
    patches = cut_patches(np.stack([rows, columns, rows], -1).astype(np.float32), name, count, seed)
    assert patches.shape == (count, 299, 299, 3)
    tops, lefts = patches[:, 0, 0, 0], patches[:, 0, 0, 1]
    for axis, first in ((0, tops), (1, lefts)):
        wanted = first[:, None, None] + np.indices((299, 299))[axis]
        np.testing.assert_array_equal(patches[..., axis], wanted)
    return list(zip(tops.tolist(), lefts.tolist(), strict=True))


def test_patches_are_pixels_of_the_photo_as_they_are() -> None:
    found = places(400, 720, count=20)
    assert len(set(found)) > 15
    tops, lefts = zip(*found, strict=True)
    assert 0 <= min(tops) < 20 < 80 < max(tops) <= 101
    assert 0 <= min(lefts) < 60 < 360 < max(lefts) <= 421


def test_places_depend_on_name_size_and_seed_alone() -> None:
    assert places(400, 720) == places(400, 720)
    assert places(400, 720) != places(400, 720, name="b")
    assert places(400, 720) != places(400, 720, seed=1)


def test_a_photo_of_just_the_size_is_its_own_patch() -> None:
    assert places(299, 299) == [(0, 0)] * 3


@pytest.mark.parametrize("shape", [(100, 350), (350, 100)])
def test_small_photos_give_squares_that_keep_their_aspect(shape: tuple[int, int]) -> None:
    """A slope of one a pixel has one and the same slope along both sides once it is enlarged."""
    slope = np.indices(shape).sum(0).astype(np.float32)[..., None].repeat(3, -1)
    patch = cut_patches(slope, "a", 1)[0, :296, :296, 0]  # the last pixels have no neighbour
    for axis in (0, 1):
        np.testing.assert_allclose(np.diff(patch, axis=axis), 100 / 299, atol=1e-3)


def test_levels_stay_levels(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (310, 320, 3)).astype(np.uint8)
    patches = cut_patches(photo, "a", 2)
    np.testing.assert_allclose(cut_patches(photo / 255, "a", 2), patches / 255, atol=1e-6)
    assert patches.max() == 255
