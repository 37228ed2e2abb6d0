"""Colour spaces, compared with colour-science and scikit-image."""

from collections.abc import Callable
from typing import Any

import colour
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import rgb2lab

from cinegan_jax.ops.colour import linear_to_srgb, luminance, srgb_to_lab, srgb_to_linear

pytestmark = pytest.mark.agreement


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    """Random colours, greys and the corners of the cube."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    greys = np.repeat(np.linspace(0, 1, 33)[:, None], 3, axis=1)
    return np.concatenate([rng.random((500, 3)), corners, greys]).astype(np.float32)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_encoding_agrees_with_colour_science(colours: np.ndarray, kind: Callable[..., Any]) -> None:
    expected = colour.models.eotf_sRGB(colours)
    linear = srgb_to_linear(kind(colours))
    assert type(linear) is type(kind(colours))
    np.testing.assert_allclose(linear, expected, atol=1e-6)
    np.testing.assert_allclose(linear_to_srgb(linear), colours, atol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_lab_agrees_with_skimage(colours: np.ndarray, kind: Callable[..., Any]) -> None:
    """Agrees within 0.01, because the two round the matrix of the primaries differently."""
    np.testing.assert_allclose(srgb_to_lab(kind(colours)), rgb2lab(colours), atol=0.01)


def test_lab_of_white_and_black() -> None:
    ends = np.float32([[1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(srgb_to_lab(ends), [[100, 0, 0], [0, 0, 0]], atol=0.02)


def test_luminance_of_the_primaries() -> None:
    np.testing.assert_allclose(luminance(np.eye(3)), [0.2126, 0.7152, 0.0722], atol=1e-4)
