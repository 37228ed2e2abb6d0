import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from cinegan_jax.metrics.psnr_ssim import psnr


def test_constant_offset_has_a_closed_form(rng: np.random.Generator) -> None:
    references = rng.uniform(0, 0.5, (3, 8, 6, 3)).astype(np.float32)
    offsets = np.array([0.1, 0.01, 0.5], np.float32)
    images = references + offsets[:, None, None, None]
    np.testing.assert_allclose(psnr(images, references), [20, 40, 6.0206], atol=1e-3)


@pytest.mark.parametrize("levels", [None, 255], ids=["float", "8 bit"])
def test_agrees_with_scikit_image(rng: np.random.Generator, levels: int | None) -> None:
    for height, width in rng.integers(1, 50, (3, 2)):
        images, references = rng.random((2, 4, height, width, 3))
        if levels:
            images, references = (np.rint(x * levels) / levels for x in (images, references))
        pairs = zip(references, images, strict=True)
        expected = [peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs]
        found = psnr(images.astype(np.float32), references.astype(np.float32))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_small_errors_of_a_large_image_are_not_lost(rng: np.random.Generator) -> None:
    """Sums in float32 do not drown small errors."""
    references = rng.random((1, 1200, 1800, 3), np.float32)
    images = references + np.float32(0.001)
    exact = np.square(images.astype(np.float64) - references).mean()
    np.testing.assert_allclose(psnr(images, references), -10 * np.log10(exact), atol=1e-3)


def test_equal_images_score_infinity(rng: np.random.Generator) -> None:
    images = rng.random((2, 8, 8, 3)).astype(np.float32)
    assert np.all(np.isposinf(psnr(images, images)))


def test_nan_scores_nan_unless_ignored(rng: np.random.Generator) -> None:
    images, references = rng.random((2, 1, 12, 12, 3)).astype(np.float32)
    padded = [np.pad(x, [(0, 0), (0, 4), (0, 3), (0, 0)]) for x in (images, references)]
    for image in padded:
        image[:, 12:] = image[:, :, 12:] = np.nan
    assert np.isnan(psnr(*padded)[0])
    np.testing.assert_allclose(psnr(*padded, ignore_nans=True), psnr(images, references), atol=1e-4)


def test_shapes_that_differ_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"equal shapes, got \(1, 8, 8, 3\) and \(1, 8, 9, 3\)"):
        psnr(np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 8, 9, 3), np.float32))
