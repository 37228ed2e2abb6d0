import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from skimage.color import rgb2lab

from cinegan_jax.metrics.delta_e import delta_e_76
from cinegan_jax.metrics.histogram import DIRECTIONS, histogram_distance


def _twice_sliced_wasserstein(image: np.ndarray, reference: np.ndarray) -> float:
    labs = [rgb2lab(pixels).reshape(-1, 3) for pixels in (image, reference)]
    along = [wasserstein_distance(labs[0] @ axis, labs[1] @ axis) for axis in DIRECTIONS]
    return 2 * np.mean(along)


@pytest.mark.parametrize("levels", [None, 255], ids=["float", "8 bit"])
def test_agrees_with_scipy(rng: np.random.Generator, levels: int | None) -> None:
    for height, width in rng.integers(20, 60, (3, 2)):
        images = rng.random((2, height, width, 3)) ** [[[[1]]], [[[2]]]]
        references = rng.random((2, height, width, 3)) * [0.9, 1, 0.7]
        if levels:
            images, references = (np.rint(x * levels) / levels for x in (images, references))
        pairs = zip(images, references, strict=True)
        expected = [_twice_sliced_wasserstein(*pair) for pair in pairs]
        actual = histogram_distance(images.astype(np.float32), references.astype(np.float32))
        np.testing.assert_allclose(actual, expected, rtol=1e-3)


def test_directions_are_spread_evenly() -> None:
    np.testing.assert_allclose(np.linalg.norm(DIRECTIONS, axis=1), 1)
    np.testing.assert_allclose(DIRECTIONS.T @ DIRECTIONS, np.eye(3) * 10 / 3, atol=1e-12)


def test_one_colour_moved_scores_its_delta_e(rng: np.random.Generator) -> None:
    """Within the 5 % of the docstring."""
    images, references = np.broadcast_to(rng.random((2, 50, 1, 1, 3)), (2, 50, 4, 5, 3))
    pair = images.astype(np.float32), references.astype(np.float32)
    np.testing.assert_allclose(histogram_distance(*pair), delta_e_76(*pair), rtol=0.05)


def test_places_do_not_matter(rng: np.random.Generator) -> None:
    images = rng.random((2, 12, 10, 3)).astype(np.float32)
    shuffled = rng.permuted(images.reshape(2, 120, 3), axis=1)
    shuffled = images.reshape(2, 120, 3)[:, rng.permutation(120)].reshape(images.shape)
    np.testing.assert_array_equal(histogram_distance(images, shuffled), 0)


def test_colours_outside_srgb_count_at_the_ends(rng: np.random.Generator) -> None:
    images = rng.normal(0.5, 9, (1, 8, 8, 3)).astype(np.float32)
    assert np.isfinite(histogram_distance(images, np.zeros_like(images))).all()
