"""LUTs, compared with scipy's interpolation and known looks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from cinegan_jax.ops.lut import apply_lut, fit_lut, identity_lut

pytestmark = pytest.mark.agreement


def warm(colours: np.ndarray) -> np.ndarray:
    """Apply a smooth look that mixes channels."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    return np.stack([red**0.8, 0.9 * green + 0.1 * red * blue, 0.05 + 0.8 * blue**1.2], -1).astype(
        np.float32
    )


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_apply_agrees_with_scipy(rng: np.random.Generator, kind: Callable[..., Any]) -> None:
    lut = rng.random((9, 9, 9, 3), np.float32)
    image = rng.random((20, 31, 3), np.float32)
    image[0, :4] = [[0, 0, 0], [1, 1, 1], [1, 0, 0.5], [0, 1, 1]]
    axis = np.linspace(0, 1, 9)
    expected = RegularGridInterpolator((axis, axis, axis), lut)(image)
    found = apply_lut(kind(lut), kind(image))
    assert type(found) is type(kind(lut))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_apply_is_the_same_under_jit(rng: np.random.Generator) -> None:
    lut, image = rng.random((5, 5, 5, 3), np.float32), rng.random((2, 4, 4, 3), np.float32)
    found = jax.jit(apply_lut)(jnp.asarray(lut), jnp.asarray(image))
    np.testing.assert_allclose(found, apply_lut(lut, image), atol=1e-6)


def test_identity_changes_nothing_and_values_outside_are_clipped(rng: np.random.Generator) -> None:
    image = rng.random((100, 3), np.float32)
    np.testing.assert_allclose(apply_lut(identity_lut(33), image), image, atol=1e-6)
    outside = np.float32([[-0.5, 2.0, 0.5]])
    np.testing.assert_allclose(apply_lut(identity_lut(17), outside), [[0, 1, 0.5]], atol=1e-6)


def test_fit_recovers_a_smooth_look(rng: np.random.Generator) -> None:
    seen, unseen = rng.random((40_000, 3), np.float32), rng.random((2_000, 3), np.float32)
    noise = rng.normal(0, 0.01, seen.shape).astype(np.float32)
    lut = fit_lut(seen, warm(seen) + noise, size=17)
    assert np.abs(apply_lut(lut, unseen) - warm(unseen)).mean() < 0.003


def test_fit_extrapolates_to_colours_without_pixels(rng: np.random.Generator) -> None:
    seen = (rng.random((20_000, 3)) * 0.5).astype(np.float32)
    lut = fit_lut(seen, seen + 0.1, size=17)
    unseen = np.float32([[0.8, 0.2, 0.2], [0.8, 0.8, 0.8], [0.1, 0.7, 0.9]])
    np.testing.assert_allclose(apply_lut(lut, unseen), np.minimum(unseen + 0.1, 1), atol=0.02)


def test_fit_of_an_unchanged_image_is_the_identity(rng: np.random.Generator) -> None:
    pixels = rng.random((5_000, 3), np.float32)
    np.testing.assert_allclose(fit_lut(pixels, pixels, size=9), identity_lut(9), atol=1e-5)


def test_fit_refuses_other_shapes(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"two arrays \[p, 3\], got \(4, 3\), \(5, 3\)"):
        fit_lut(rng.random((4, 3)), rng.random((5, 3)))
