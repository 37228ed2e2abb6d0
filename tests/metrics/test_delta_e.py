import warnings
from types import ModuleType

import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from cinegan_jax.metrics.delta_e import delta_e_76


@pytest.fixture
def colour() -> ModuleType:
    """colour-science, which warns when Matplotlib is not installed."""
    with warnings.catch_warnings(action="ignore"):
        import colour
    return colour


def test_greys_have_a_closed_form():
    """White to black is L* 100 to 0, and linear light 0.18 is L* 116 * cbrt(0.18) - 16."""
    grey = 1.055 * 0.18 ** (1 / 2.4) - 0.055
    images = np.stack([np.full((4, 5, 3), level, np.float32) for level in (1, grey)])
    black = np.zeros_like(images)
    expected = [100, 116 * np.cbrt(0.18) - 16]
    np.testing.assert_allclose(delta_e_76(images, black), expected, rtol=1e-3)


def test_agrees_with_scikit_image(rng):
    images, references = rng.random((2, 3, 11, 7, 3))
    expected = deltaE_cie76(rgb2lab(images), rgb2lab(references)).mean((1, 2))
    actual = delta_e_76(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


def test_agrees_with_colour_science(rng, colour):
    images, references = rng.random((2, 3, 11, 7, 3))

    def lab(unit):
        return colour.XYZ_to_Lab(colour.sRGB_to_XYZ(unit))

    expected = colour.delta_E(lab(images), lab(references), method="CIE 1976").mean((1, 2))
    actual = delta_e_76(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


def test_nan_scores_nan_unless_ignored(rng):
    images, references = rng.random((2, 1, 6, 6, 3)).astype(np.float32)
    width = [(0, 0), (0, 2), (0, 3), (0, 0)]
    padded = [np.pad(x, width, constant_values=np.nan) for x in (images, references)]
    assert np.isnan(delta_e_76(*padded)[0])
    np.testing.assert_allclose(
        delta_e_76(*padded, ignore_nans=True), delta_e_76(images, references), atol=1e-4
    )
