import numpy as np
import pytest
from PIL import Image

from cinegan_jax.sampling.nearest import find_nearest


def _smooth(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Return images of a few colours that differ as much as photos."""
    small = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return np.stack([Image.fromarray(each).resize((size, size), 2) for each in small])


def _reduced(images: np.ndarray) -> np.ndarray:
    """Reduce images with Pillow, each channel in floating point."""
    side = {16: 8, 50: 25, 80: 32}[images.shape[1]]
    planes = np.moveaxis(images, -1, 1).reshape(-1, *images.shape[1:3]).astype(np.float32)
    small = [np.asarray(Image.fromarray(plane).resize((side, side), 2)) for plane in planes]
    return np.stack(small).reshape(len(images), -1).astype(np.float64)


def _brute_force(images: np.ndarray, others: np.ndarray, k: int) -> list[np.ndarray]:
    distances = [
        np.sqrt(np.mean((_reduced(images)[:, None] - _reduced(each)[None]) ** 2, axis=-1))
        for each in (others, others[:, :, ::-1])
    ]
    nearer = np.minimum(*distances)
    order = np.argsort(nearer, axis=1, kind="stable")[:, :k]
    mirrored = distances[1] < distances[0]
    return [np.take_along_axis(each, order, axis=1) for each in (nearer, mirrored)] + [order]


@pytest.mark.parametrize("size", [50, 80])
def test_the_result_equals_a_comparison_of_all_pairs(rng: np.random.Generator, size: int) -> None:
    images, others = _smooth(rng, 7, size), _smooth(rng, 90, size)
    found = find_nearest(images, np.split(others, [32, 64]), k=5)
    distances, mirrored, order = _brute_force(images, others, 5)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-3)
    np.testing.assert_array_equal(found.places, order)
    np.testing.assert_array_equal(found.mirrored, mirrored)
    assert 0 < mirrored.mean() < 1


def test_slightly_changed_copies_are_found(rng: np.random.Generator) -> None:
    others = _smooth(rng, 200, 64)
    noisy = np.clip(others[17] + rng.normal(0, 8, others[17].shape), 0, 255).astype(np.uint8)
    shifted = np.roll(others[113], 1, axis=1)
    images = np.stack([others[42], others[150, :, ::-1], noisy, shifted])
    found = find_nearest(images, np.split(others, 4), k=2)
    np.testing.assert_array_equal(found.places[:, 0], [42, 150, 17, 113])
    np.testing.assert_array_equal(found.mirrored[:, 0], [False, True, False, False])
    assert np.all(found.distances[:2, 0] < 0.1)
    assert np.all(found.distances[:, 0] < 0.2 * found.distances[:, 1])


def test_of_equally_near_images_the_first_comes_first(rng: np.random.Generator) -> None:
    image = _smooth(rng, 1, 16)
    found = find_nearest(image, [np.repeat(image, 4, 0), image], k=3)
    np.testing.assert_array_equal(found.places, [[0, 1, 2]])


def test_a_stream_shorter_than_k(rng: np.random.Generator) -> None:
    others = _smooth(rng, 3, 16)
    found = find_nearest(others[:2], [others], k=5)
    assert np.all(np.isfinite(found.distances[:, :3]))
    assert np.all(np.isinf(found.distances[:, 3:]))
    assert sorted(np.asarray(found.places[0, :3])) == [0, 1, 2]
