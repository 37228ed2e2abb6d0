import warnings
from collections.abc import Callable
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from cinegan_jax.metrics.delta_e import ciede2000, delta_e_76, delta_e_2000

METRICS = [delta_e_76, delta_e_2000]

SHARMA_PAIRS = [
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]
"""L a b of two colours and their CIEDE2000: table 1 of Sharma, Wu and Dalal (2005)."""


@pytest.fixture
def colour() -> ModuleType:
    """colour-science, which warns when Matplotlib is not installed."""
    with warnings.catch_warnings(action="ignore"):
        import colour
    return colour


def test_greys_have_a_closed_form() -> None:
    """White to black is L* 100 to 0, and linear light 0.18 is L* 116 * cbrt(0.18) - 16."""
    grey = 1.055 * 0.18 ** (1 / 2.4) - 0.055
    images = np.stack([np.full((4, 5, 3), level, np.float32) for level in (1, grey)])
    black = np.zeros_like(images)
    expected = [100, 116 * np.cbrt(0.18) - 16]
    np.testing.assert_allclose(delta_e_76(images, black), expected, rtol=1e-3)


@pytest.mark.parametrize("levels", [None, 255], ids=["float", "8 bit"])
def test_agrees_with_scikit_image(rng: np.random.Generator, levels: int | None) -> None:
    images, references = rng.random((2, 3, 11, 7, 3))
    if levels:
        images, references = (np.rint(x * levels) / levels for x in (images, references))
    expected = deltaE_cie76(rgb2lab(images), rgb2lab(references)).mean((1, 2))
    actual = delta_e_76(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


def test_agrees_with_colour_science(rng: np.random.Generator, colour: ModuleType) -> None:
    images, references = rng.random((2, 3, 11, 7, 3))

    def lab(unit: np.ndarray) -> np.ndarray:
        return colour.XYZ_to_Lab(colour.sRGB_to_XYZ(unit))

    expected = colour.delta_E(lab(images), lab(references), method="CIE 1976").mean((1, 2))
    actual = delta_e_76(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


@pytest.mark.parametrize("metric", METRICS)
def test_nan_scores_nan_unless_ignored(
    rng: np.random.Generator, metric: Callable[..., jax.Array]
) -> None:
    images, references = rng.random((2, 1, 6, 6, 3)).astype(np.float32)
    width = [(0, 0), (0, 2), (0, 3), (0, 0)]
    padded = [np.pad(x, width, constant_values=np.nan) for x in (images, references)]
    assert np.isnan(metric(*padded)[0])
    np.testing.assert_allclose(
        metric(*padded, ignore_nans=True), metric(images, references), atol=1e-4
    )


def test_delta_e_2000_agrees_with_colour_science(
    rng: np.random.Generator, colour: ModuleType
) -> None:
    images, references = rng.random((2, 3, 11, 7, 3))

    def lab(unit: np.ndarray) -> np.ndarray:
        return colour.XYZ_to_Lab(colour.sRGB_to_XYZ(unit))

    expected = colour.delta_E(lab(images), lab(references), method="CIE 2000").mean((1, 2))
    actual = delta_e_2000(images.astype(np.float32), references.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-3)


@pytest.mark.parametrize("spread", [3, 200])
def test_ciede2000_agrees_with_colour_science(
    rng: np.random.Generator, colour: ModuleType, spread: float
) -> None:
    """Near colours and far ones: those meet every branch of the mean hue."""
    labs = rng.uniform([0, -128, -128], [100, 128, 128], (20_000, 3))
    references = labs + rng.uniform(-spread, spread, labs.shape)
    expected = colour.delta_E(labs, references, method="CIE 2000")
    np.testing.assert_allclose(ciede2000(labs, references), expected, atol=1e-9)


def test_ciede2000_of_the_published_pairs() -> None:
    """They were chosen to show what implementations get wrong."""
    first, second, published = np.split(np.array(SHARMA_PAIRS), [3, 6], axis=1)
    for one, other in [(first, second), (second, first)]:
        np.testing.assert_allclose(ciede2000(one, other), published[:, 0], atol=5e-5)


def test_ciede2000_in_float32() -> None:
    """Pairs 10 and 14 are left out: their hues are opposite, and rounding decides the arc."""
    pairs = np.delete(np.array(SHARMA_PAIRS), [9, 13], axis=0)
    first, second, published = np.split(pairs, [3, 6], axis=1)
    found = ciede2000(jnp.float32(first), jnp.float32(second))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, published[:, 0], atol=2e-4)


def test_greys_have_no_hue() -> None:
    """Zero chroma against colour, and against itself: finite, and zero for the same colour."""
    labs = np.array([[50.0, 0, 0], [50, 0, 0], [0, 0, 0]])
    references = np.array([[50.0, 0, 0], [50, 30, -20], [100, 0, 0]])
    found = ciede2000(labs, references)
    assert found[0] == 0
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[2], 100, atol=1e-9)  # 50 off mid-grey both ways: S_L is 1
