import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from cinegan_jax.metrics.psnr import psnr


def test_constant_offset_has_a_closed_form(rng):
    references = rng.uniform(0, 0.5, (3, 8, 6, 3)).astype(np.float32)
    offsets = np.array([0.1, 0.01, 0.5], np.float32)
    images = references + offsets[:, None, None, None]
    np.testing.assert_allclose(psnr(images, references), [20, 40, 6.0206], atol=1e-3)


def test_agrees_with_scikit_image(rng):
    images, references = rng.random((2, 4, 17, 23, 3)).astype(np.float32)
    expected = [
        peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(references, images, strict=True)
    ]
    np.testing.assert_allclose(psnr(images, references), expected, atol=1e-4)


def test_equal_pictures_score_infinity(rng):
    images = rng.random((2, 8, 8, 3)).astype(np.float32)
    assert np.all(np.isposinf(psnr(images, images)))


def test_nan_scores_nan_unless_ignored(rng):
    images, references = rng.random((2, 1, 12, 12, 3)).astype(np.float32)
    padded = [np.pad(x, [(0, 0), (0, 4), (0, 3), (0, 0)]) for x in (images, references)]
    for picture in padded:
        picture[:, 12:] = picture[:, :, 12:] = np.nan
    assert np.isnan(psnr(*padded)[0])
    np.testing.assert_allclose(psnr(*padded, ignore_nans=True), psnr(images, references), atol=1e-4)


def test_shapes_that_differ_are_refused(rng):
    with pytest.raises(ValueError, match=r"equal shapes, got \(1, 8, 8, 3\) and \(1, 8, 9, 3\)"):
        psnr(np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 8, 9, 3), np.float32))
