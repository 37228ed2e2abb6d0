import numpy as np
import pytest

from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.methods import per_photo_affine, photo_method, unchanged
from cinegan_jax.evaluation.scope import as_stored


def test_the_affine_map_of_a_photo_is_found(rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (30, 20, 3), dtype=np.uint8)
    matrix = np.array([[0.7, 0.2, 0.0], [0.1, 0.6, 0.2], [0.0, 0.1, 0.5]])
    target = np.rint(photo @ matrix + [10, 3, 40]).astype(np.uint8)
    found = per_photo_affine(Pair("one", photo, target), as_stored)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - target).max() <= 1


def test_no_other_affine_map_comes_nearer(rng: np.random.Generator) -> None:
    """Checked against numpy's own least squares over the pixels, and 100 maps near it."""
    photo = rng.integers(60, 190, (16, 16, 3), dtype=np.uint8)
    target = np.clip(255 * (photo / 255) ** 1.3 + rng.normal(0, 3, photo.shape), 0, 255)
    target = np.rint(target).astype(np.uint8)
    found = per_photo_affine(Pair("one", photo, target), as_stored)
    pixels = np.insert(photo.reshape(-1, 3).astype(float), 3, 1, axis=1)
    best = np.linalg.lstsq(pixels, target.reshape(-1, 3).astype(float))[0]

    def error(image: np.ndarray) -> float:
        return np.mean((image.reshape(-1, 3) - target.reshape(-1, 3).astype(float)) ** 2)

    assert error(found.astype(float)) == pytest.approx(error(pixels @ best), rel=0.02)
    for _ in range(100):
        assert error(pixels @ (best + rng.normal(0, 0.02, best.shape))) > error(pixels @ best)


def test_a_photo_of_one_colour_has_its_affine_map_too(rng: np.random.Generator) -> None:
    photo = np.full((12, 12, 3), (10, 200, 90), np.uint8)
    target = np.full((12, 12, 3), (60, 30, 120), np.uint8)
    found = per_photo_affine(Pair("grey", photo, target), as_stored)
    assert np.array_equal(found, target)


def test_a_method_of_the_photo_does_not_see_the_target(rng: np.random.Generator) -> None:
    photo, target = rng.integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    pair = Pair("one", photo, target)
    assert np.array_equal(photo_method(lambda image: 255 - image)(pair, as_stored), 255 - photo)
    assert np.array_equal(unchanged(pair, as_stored), photo)
