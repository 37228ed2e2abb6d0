"""Methods `tiles` and `whole` and layer statistics, with random networks and small tiles."""

from typing import Any

import jax
import numpy as np
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference import methods
from cinegan_jax.inference.look import Look, NetworkLook, apply_generator
from cinegan_jax.inference.methods import tiles, whole
from cinegan_jax.inference.statistics import apply_with, measure
from cinegan_jax.nets.res_unet import ResUnetGenerator

pytestmark = pytest.mark.agreement

KINDS = {"published": (False, 0), "residual": (True, 4)}


@pytest.fixture(params=KINDS)
def look(request: pytest.FixtureRequest, rng: np.random.Generator) -> Look:
    residual, colour_path = KINDS[request.param]
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=residual, colour_path=colour_path)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), image)["params"]
    kernels = jax.tree.map(lambda s: 0.3 * rng.normal(size=s.shape).astype(np.float32), shapes)
    return NetworkLook("random", generator, kernels)


def developed(method: Any, photo: np.ndarray, look: Look, strength: float = 1.0) -> np.ndarray:
    return np.concatenate(list(method(photo, look, strength, lambda share: None)))


def smooth_photo(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    coarse = rng.integers(0, 256, (-(-height // 16), -(-width // 16), 3))
    fine = np.repeat(np.repeat(coarse, 16, 0), 16, 1)[:height, :width]
    return np.clip(fine + rng.normal(0, 8, fine.shape), 0, 255).astype(np.uint8)


def test_an_images_own_statistics_give_the_same_result(
    rng: np.random.Generator, look: Look
) -> None:
    images = rng.uniform(-1, 1, (1, 32, 40, 3)).astype(np.float32)
    statistics = measure(look.generator, look.kernels, images)
    found = apply_with(look.generator, look.kernels, statistics, images)
    expected = apply_generator(look.generator, look.kernels, images)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    other = apply_with(look.generator, look.kernels, statistics, images[:, :16] / 2)
    own = apply_generator(look.generator, look.kernels, images[:, :16] / 2)
    assert np.abs(other - own).max() > 0.01


@pytest.mark.parametrize("shape", [(300, 500), (429, 77)])
def test_tiles_agree_with_the_whole_photo(
    rng: np.random.Generator, look: Look, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    """No pixel of this network depends on pixels more than 60 pixels away."""
    monkeypatch.setattr(methods, "_TILE_SIDE", 320)
    monkeypatch.setattr(methods, "_TILE_OVERLAP", 240)
    photo = smooth_photo(rng, *shape)
    found, expected = (developed(method, photo, look) for method in (tiles, whole))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_tile_agrees_with_the_whole_photo(rng: np.random.Generator, look: Look) -> None:
    photo = smooth_photo(rng, 50, 70)
    found, expected = (developed(method, photo, look, 0.5) for method in (tiles, whole))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_large_photos_take_their_statistics_from_a_reduced_copy(
    rng: np.random.Generator, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compares a photo without fine detail, which reducing changes little."""
    monkeypatch.setattr(methods, "_STATISTICS_MAX_PIXELS", 128 * 128)
    monkeypatch.setattr(methods, "_TILE_SIDE", 192)
    ramps = np.linspace(0, 255, 256)
    photo = np.stack(np.broadcast_arrays(ramps[:, None], ramps, 128), axis=-1).astype(np.uint8)
    found, expected = (developed(method, photo, look) for method in (tiles, whole))
    error = np.mean(np.square(found - expected))
    assert 0 < error < 0.03**2


@pytest.mark.parametrize("count", [8, 768, 776, 1000, 1408, 1416, 20000])
def test_weights_of_tiles_sum_to_one(count: int) -> None:
    total = np.zeros(count)
    for start, weights in methods.tile_spans(count):
        assert start % 8 == 0
        total[start : start + len(weights)] += weights
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_zero_strength_keeps_the_photo(rng: np.random.Generator, look: Look) -> None:
    photo = smooth_photo(rng, 24, 24)
    np.testing.assert_allclose(developed(tiles, photo, look, 0.0), photo / 255, atol=1e-6)


def test_whole_refuses_photos_that_are_too_large(
    rng: np.random.Generator, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "_WHOLE_MAX_PIXELS", 1000)
    with pytest.raises(UserError, match=r"takes photos of up to 0\.001 megapixels"):
        developed(whole, smooth_photo(rng, 40, 40), look)
