import io
from collections.abc import Callable, Iterator
from importlib import resources

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, signal

from cinegan_jax.metrics.feature_distance import random_feature_distance, random_features


def _first_principles(image: np.ndarray, reference: np.ndarray) -> float:
    """The definition in the module, in float64 by scipy, for one pair [h, w, 3]."""
    units = zip(_unit_features(image, 4), _unit_features(reference, 4), strict=True)
    return sum(((one - other) ** 2).sum(-1).mean() / 8 for one, other in units)


def _unit_features(image: np.ndarray, scales: int) -> Iterator[np.ndarray]:
    """Both convolutions' [h', w', 32] at each scale."""
    state = np.random.RandomState(0)
    first = state.standard_normal((5, 5, 3, 32)) * np.sqrt(2 / 75)
    second = state.standard_normal((3, 3, 32, 32)) * np.sqrt(2 / 288)
    first -= 0.8 * first.mean((0, 1))
    for _ in range(scales):
        features = 2 * image - 1
        for kernel in (first, second):
            features = _relu_of_convolution(features, kernel)
            yield features / np.sqrt((features**2).sum(-1, keepdims=True) + 0.01)
        image = _half(image)


def _relu_of_convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    maps = [signal.correlate(x, kernel[..., i], "valid")[..., 0] for i in range(kernel.shape[-1])]
    return np.maximum(np.stack(maps, -1), 0)


def _half(x: np.ndarray) -> np.ndarray:
    height, width = (side - side % 2 for side in x.shape[:2])
    return sum(x[i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)) / 4


def test_agrees_with_its_definition_in_scipy(rng: np.random.Generator) -> None:
    images = rng.random((2, 61, 75, 3))
    references = np.clip(images + rng.normal(0, [[[[0.02]]], [[[0.2]]]], images.shape), 0, 1)
    expected = [_first_principles(*pair) for pair in zip(images, references, strict=True)]
    actual = random_feature_distance(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Crops of two photos, unit [2, 96, 96, 3]."""
    folder = resources.files("cinegan_jax.data") / "sample_photos"
    crops = []
    for name in ("owl.jpg", "berlin-cathedral.jpg"):
        with (folder / name).open("rb") as file, Image.open(file) as photo:
            crops.append(np.asarray(photo.convert("RGB"), np.float32)[80:176, 120:216] / 255)
    return np.stack(crops)


def _blurred(photos: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(photos, (0, sigma, sigma, 0))


def _noisy(photos: np.ndarray, sigma: float) -> np.ndarray:
    return np.clip(photos + sigma * np.random.default_rng(1).normal(size=photos.shape), 0, 1)


def _compressed(photos: np.ndarray, quality: int) -> np.ndarray:
    images = []
    for photo in photos:
        file = io.BytesIO()
        Image.fromarray(np.rint(photo * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
        images.append(np.asarray(Image.open(file)) / 255)
    return np.stack(images)


def _cast(photos: np.ndarray, shift: float) -> np.ndarray:
    return np.clip(photos + shift * np.array([1, 0, -1]), 0, 1)


@pytest.mark.parametrize(
    ("disturb", "strengths"),
    [
        (_blurred, (0, 0.4, 0.6, 0.8, 1.2, 2)),
        (_noisy, (0, 0.005, 0.01, 0.02, 0.04, 0.08)),
        (_compressed, (98, 90, 70, 50, 30, 10)),
        (_cast, (0, 0.01, 0.02, 0.04, 0.08, 0.16)),
    ],
)
def test_grows_with_every_disturbance(
    photos: np.ndarray,
    disturb: Callable[[np.ndarray, float], np.ndarray],
    strengths: tuple[float, ...],
) -> None:
    found = [
        random_feature_distance(disturb(photos, strength).astype(np.float32), photos)
        for strength in strengths
    ]
    assert (np.diff(found, axis=0) > 0).all()


def test_lost_detail_costs_more_than_a_colour_cast_of_equal_psnr(photos: np.ndarray) -> None:
    """The purpose of the metric: delta E and PSNR see the cast more than the blur."""
    blurred = _blurred(photos, 1.2).astype(np.float32)
    level = np.sqrt(1.5 * np.square(blurred - photos).mean((1, 2, 3), keepdims=True))
    cast = (photos + level * np.array([1, 0, -1])).astype(np.float32)
    errors = [np.square(x - photos).mean((1, 2, 3)) for x in (blurred, cast)]
    np.testing.assert_allclose(*errors, rtol=1e-4)
    lost, moved = (random_feature_distance(x, photos) for x in (blurred, cast))
    assert (lost > 2 * moved).all()


@pytest.mark.parametrize(("side", "scales"), [(64, 4), (32, 3), (7, 1)])
def test_features_are_means_at_each_scale_that_fits(
    rng: np.random.Generator, side: int, scales: int
) -> None:
    images = rng.random((2, side, side + 3, 3))
    expected = [
        np.concatenate([unit.mean((0, 1)) for unit in _unit_features(image, scales)])
        for image in images
    ]
    actual = random_features(images.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)


def test_an_image_too_small_for_the_windows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sides of 7 or more, got \(1, 6, 40, 3\)"):
        random_features(np.zeros((1, 6, 40, 3), np.float32))
