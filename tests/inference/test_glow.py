"""Halation and bloom compared with the film renderer's and with SciPy's blur of linear light."""

import tracemalloc

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2xyz

from cinegan_jax.film.render import add_halation
from cinegan_jax.inference.develop import METHODS, Settings, develop
from cinegan_jax.inference.glow import BLOOM, BLOOM_RADIUS, HALATION, add_glow
from cinegan_jax.inference.look import Glow, Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator

RADIUS = 0.006


def lamps(height: int, width: int) -> np.ndarray:
    """Return a dark scene with round lamps, uint8 [height, width, 3], the same at every size."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    photo = np.full((height, width, 3), 24, np.uint8)
    for row, column, radius in ((0.2, 0.3, 0.02), (0.4, 0.7, 0.05), (0.1, 0.9, 0.008)):
        photo[np.hypot(y - row, x - column) < radius] = (255, 244, 214)
    return photo


def linear(photo: np.ndarray) -> np.ndarray:
    return np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    ("shape", "tolerance"), [((90, 200), 1e-5), ((1100, 1600), 0.01), ((1600, 1100), 0.01)]
)
def test_halation_is_the_film_renderers(shape: tuple[int, int], tolerance: float) -> None:
    photo = lamps(*shape)
    wanted = add_halation(photo / np.float32(255), RADIUS, 2 * HALATION)
    found = add_glow(photo, Glow(halation=2))[:]
    assert np.abs(wanted - photo / 255).max() > 0.1
    np.testing.assert_allclose(found, wanted, atol=tolerance)


@pytest.mark.parametrize(("shape", "tolerance"), [((90, 200), 1e-5), ((1100, 1600), 0.01)])
def test_bloom_spreads_linear_light(shape: tuple[int, int], tolerance: float) -> None:
    photo = lamps(*shape) / np.float32(255)
    deviation = BLOOM_RADIUS * max(shape)
    light = linear(photo)
    spread = ndimage.gaussian_filter(light, (deviation, deviation, 0))
    found = add_glow(photo, Glow(bloom=3))[:]
    wanted = light + 3 * BLOOM * (spread - light)
    np.testing.assert_allclose(linear(found), wanted, atol=tolerance)
    assert rgb2xyz(found)[..., 1].mean() == pytest.approx(rgb2xyz(photo)[..., 1].mean(), rel=1e-3)


def test_halation_comes_after_bloom() -> None:
    """The lens is in front of the film."""
    photo = lamps(90, 200)
    bloomed = add_glow(photo, Glow(bloom=1))[:]
    both = add_glow(photo, Glow(halation=1, bloom=1))[:]
    np.testing.assert_allclose(both, add_halation(bloomed, RADIUS, HALATION), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_flat_photos_do_not_glow(dtype: type) -> None:
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    photo = np.full((40, 60, 3), 0.8 * white).astype(dtype)
    found = add_glow(photo, Glow(halation=4, bloom=4))[:]
    np.testing.assert_allclose(found, photo / np.float32(white), atol=1e-6)


def test_bands_are_parts_of_the_whole() -> None:
    lit = add_glow(lamps(300, 1000), Glow(1, 1))
    bands = [lit[top:bottom] for top, bottom in ((0, 1), (1, 128), (128, 300))]
    np.testing.assert_array_equal(np.concatenate(bands), lit[:])
    np.testing.assert_array_equal(lit[10:20, 30:70], lit[:][10:20, 30:70])


@pytest.mark.parametrize("glow", [Glow(halation=2), Glow(bloom=2)])
def test_a_preview_glows_like_the_full_photo(glow: Glow) -> None:
    photo = lamps(1200, 1800)
    preview = reduced(photo, 4)
    found = add_glow(preview, glow)[:] * 255
    wanted = reduced(np.uint8(np.rint(add_glow(photo, glow)[:] * 255)), 4)
    flat = ndimage.maximum_filter(preview, (3, 3, 1)) == ndimage.minimum_filter(preview, (3, 3, 1))
    assert np.abs(found - preview)[flat].max() > 20
    error = np.abs(found - wanted)[flat]
    assert np.quantile(error, 0.99) < 1
    assert error.max() < 10  # beside a lamp, where the glow falls steeply


def reduced(photo: np.ndarray, scale: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).reduce(scale))


def test_memory_does_not_grow_with_the_photo() -> None:
    photo = lamps(2000, 3000)
    tracemalloc.start()
    lit = add_glow(photo, Glow(1, 1))
    for top in range(0, len(lit), 64):
        lit[top : top + 64]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 < 4 * photo.size


def neutral(glow: Glow = Glow()) -> Look:  # noqa: B008
    """Return a look that changes nothing, with its own default glow."""
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=True)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    shapes = jax.eval_shape(generator.init, jax.random.key(0), image)["params"]
    kernels = jax.tree.map(lambda s: np.zeros(s.shape, np.float32), shapes)
    return NetworkLook("neutral", generator, kernels, glow=glow)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [0, 1])
def test_a_developed_photo_glows(method: str, strength: float) -> None:
    photo = lamps(128, 192) / np.float32(255)
    settings = Settings(method, strength, halation=1, bloom=1)
    found = develop(photo, neutral(), settings)
    np.testing.assert_allclose(found, add_glow(photo, Glow(1, 1))[:], atol=5e-3)


def test_a_looks_own_glow_is_the_default() -> None:
    photo = lamps(64, 64) / np.float32(255)
    look = neutral(Glow(halation=2))
    default = look(photo, strength=0)
    np.testing.assert_array_equal(default, look(photo, strength=0, halation=2, bloom=0))
    assert np.abs(default - photo).max() > 0.01
    np.testing.assert_array_equal(look(photo, strength=0, halation=0), photo)
