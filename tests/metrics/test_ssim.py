import numpy as np
import pytest
from skimage.metrics import structural_similarity

from cinegan_jax.metrics.psnr_ssim import ssim


def _reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    return structural_similarity(
        a.astype(np.float64),
        b.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
    )


def _similar_images(
    rng: np.random.Generator, n: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images and noisy copies of them, so that the scores spread over 0..1."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    phases = rng.uniform(0, 6, (n, 1, 1, 3))
    images = 0.5 + 0.4 * np.sin(9 * x[None, ..., None] + 5 * y[None, ..., None] + phases)
    noise = rng.normal(0, np.linspace(0.01, 0.2, n)[:, None, None, None], images.shape)
    return images.astype(np.float32), np.clip(images + noise, 0, 1).astype(np.float32)


@pytest.mark.parametrize("levels", [None, 255], ids=["float", "8 bit"])
@pytest.mark.parametrize(("height", "width"), [(37, 29), (11, 64)])
def test_agrees_with_scikit_image_on_the_valid_region(
    rng: np.random.Generator, height: int, width: int, levels: int | None
) -> None:
    images, references = _similar_images(rng, 4, height, width)
    if levels:
        images, references = (
            np.rint(x * levels) / np.float32(levels) for x in (images, references)
        )
    expected = [_reference_ssim(a, b) for a, b in zip(images, references, strict=True)]
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose(ssim(images, references), expected, atol=1e-4)


def test_equal_images_score_one(rng: np.random.Generator) -> None:
    images, _ = _similar_images(rng, 2, 16, 16)
    np.testing.assert_allclose(ssim(images, images), 1, atol=1e-6)


def test_nan_scores_nan_unless_ignored(rng: np.random.Generator) -> None:
    images, references = _similar_images(rng, 2, 24, 20)
    width = [(0, 0), (0, 8), (0, 12), (0, 0)]
    padded = [np.pad(x, width, constant_values=np.nan) for x in (images, references)]
    assert np.all(np.isnan(ssim(*padded)))
    np.testing.assert_allclose(ssim(*padded, ignore_nans=True), ssim(images, references), atol=1e-5)


def test_an_image_smaller_than_the_window_is_refused() -> None:
    small = np.zeros((1, 10, 40, 3), np.float32)
    with pytest.raises(ValueError, match="11x11 pixels, got 10x40"):
        ssim(small, small)
