import numpy as np
import pytest
from scipy import ndimage
from skimage.color import deltaE_cie76, rgb2lab

from cinegan_jax.metrics.highlights import delta_e_highlights, near_highlights, psnr_highlights
from cinegan_jax.metrics.psnr_ssim import psnr


def _near(reference: np.ndarray) -> np.ndarray:
    """Compute the mask by the definition in the module, in plain numpy and scipy."""
    linear = np.where(reference <= 0.04045, reference / 12.92, ((reference + 0.055) / 1.055) ** 2.4)
    highlights = linear @ [0.2126, 0.7152, 0.0722] > 0.5
    radius = int(np.ceil(0.012 * max(reference.shape[:2])))
    return ndimage.maximum_filter(highlights, size=2 * radius + 1, mode="constant")


def _night(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A dark image with three lamps, float64 [h, w, 3]."""
    image = rng.uniform(0, 0.6, (height, width, 3))
    for row, column in zip(rng.integers(0, height, 3), rng.integers(0, width, 3), strict=True):
        image[row, column] = rng.uniform(0.8, 1, 3)
    return image


@pytest.mark.parametrize("levels", [None, 255], ids=["float", "8 bit"])
@pytest.mark.parametrize(("height", "width"), [(40, 31), (70, 190)])
def test_agree_with_plain_numpy(
    rng: np.random.Generator, height: int, width: int, levels: int | None
) -> None:
    references = np.stack([_night(rng, height, width) for _ in range(3)])
    images = np.clip(references + rng.normal(0, 0.1, references.shape), 0, 1)
    if levels:
        images, references = (np.rint(x * levels) / levels for x in (images, references))
    near = [_near(reference) for reference in references]
    assert 0 < np.mean(near) < 0.5
    errors = (images - references) ** 2
    expected = [-10 * np.log10(e[mask].mean()) for e, mask in zip(errors, near, strict=True)]
    differences = deltaE_cie76(rgb2lab(images), rgb2lab(references))
    expected_delta_e = [d[mask].mean() for d, mask in zip(differences, near, strict=True)]
    pair = images.astype(np.float32), references.astype(np.float32)
    np.testing.assert_array_equal(near_highlights(pair[1]), near)
    np.testing.assert_allclose(psnr_highlights(*pair), expected, atol=1e-4)
    np.testing.assert_allclose(delta_e_highlights(*pair), expected_delta_e, rtol=1e-4)


def test_without_highlights_there_is_no_score(rng: np.random.Generator) -> None:
    references = rng.uniform(0, 0.5, (2, 30, 30, 3)).astype(np.float32)
    references[1, 15, 15] = 1
    images = references + np.float32(0.1)
    for metric in (psnr_highlights, delta_e_highlights):
        np.testing.assert_array_equal(np.isnan(metric(images, references)), [True, False])


def test_glow_counts_and_what_is_far_does_not(rng: np.random.Generator) -> None:
    references = np.full((1, 200, 200, 3), 0.2, np.float32)
    references[:, 100, 100] = 1
    glowing, far = references.copy(), references.copy()
    glowing[:, 98:103, 98:103, 0] += 0.3
    far[:, 10:30, 10:30, 0] += 0.3
    assert psnr_highlights(far, references) == np.inf
    assert psnr_highlights(glowing, references) < 20 < psnr(far, references)
    assert psnr(far, references) < psnr(glowing, references)
