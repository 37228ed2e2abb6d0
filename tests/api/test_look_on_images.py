"""A look called on NumPy arrays and Pillow images, compared with its network."""

import io
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageCms

import cinegan_jax as cinegan
from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.develop import METHODS
from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator

SHAPE = (64, 128, 3)


@pytest.fixture
def look(random_params: Callable[..., Any]) -> Look:
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=True, colour_path=4)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    return NetworkLook("random", generator, random_params(generator, image))


def made_by_network(look: Look, photo: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """photo + strength * (network - photo), clipped: unit floats [h, w, 3] to the same."""
    signed = jax.jit(look.generator.apply)({"params": look.kernels}, 2 * photo[None] - 1)
    made = (np.asarray(signed[0]) + 1) / 2
    return np.clip(photo + strength * (made - photo), 0, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strength", [0.8, 1.5])
def test_floats_are_the_networks_own_and_not_quantised(
    look: Look, rng: np.random.Generator, dtype: type, strength: float
) -> None:
    photo = rng.uniform(size=SHAPE).astype(dtype)
    image = look(photo, strength=strength, method="whole")
    expected = made_by_network(look, photo.astype(np.float32), strength)
    assert image.dtype == dtype
    np.testing.assert_allclose(image, expected, atol=1e-6)
    assert np.abs(image * 65535 - np.rint(image * 65535)).max() > 0.4


@pytest.mark.parametrize("method", METHODS)
def test_floats_and_sixteen_bits_agree_in_every_method(
    look: Look, rng: np.random.Generator, method: str
) -> None:
    levels = rng.integers(0, 65536, SHAPE, np.uint16)
    floats = look(levels / np.float32(65535), method=method, grain=1.0, seed=3)
    integers = look(levels, method=method, grain=1.0, seed=3)
    assert integers.dtype == np.uint16
    np.testing.assert_allclose(floats, integers / 65535, atol=1e-5)


def test_floats_at_no_strength_are_the_photo(look: Look, rng: np.random.Generator) -> None:
    photo = rng.uniform(size=SHAPE).astype(np.float32)
    np.testing.assert_array_equal(look(photo, strength=0), photo)


def test_a_pillow_image_is_the_array(look: Look, rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, SHAPE, np.uint8)
    image = look(Image.fromarray(photo), strength=0.5, grain=1.0, seed=2)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), look(photo, strength=0.5, grain=1.0, seed=2))


def test_alpha_is_kept(look: Look, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (*SHAPE[:2], 4), np.uint8)
    image = look(Image.fromarray(pixels))
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image)[..., 3], pixels[..., 3])
    colours = look(np.ascontiguousarray(pixels[..., :3]))
    np.testing.assert_array_equal(np.asarray(image)[..., :3], colours)


@pytest.mark.parametrize(("mode", "dtype"), [("L", np.uint8), ("I;16", np.uint16)])
def test_grey_stays_grey_at_its_own_depth(
    look: Look, rng: np.random.Generator, mode: str, dtype: type
) -> None:
    grey = rng.integers(0, np.iinfo(dtype).max, SHAPE[:2], dtype, endpoint=True)
    image = look(Image.fromarray(grey), method="whole")
    assert image.mode == mode
    photo = np.repeat(grey[..., None], 3, axis=2) / np.float32(np.iinfo(dtype).max)
    luma = made_by_network(look, photo) @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(np.asarray(image), luma * np.iinfo(dtype).max, atol=1.5)


def test_palettes_and_transparent_colours_become_plain(
    look: Look, rng: np.random.Generator
) -> None:
    photo = Image.fromarray(rng.integers(0, 256, SHAPE, np.uint8))
    palette = photo.quantize(16)
    expected = np.asarray(look(palette.convert("RGB")))
    np.testing.assert_array_equal(np.asarray(look(palette)), expected)
    photo.info["transparency"] = photo.getpixel((0, 0))
    image = look(photo)
    assert (image.mode, image.getpixel((0, 0))[3], "transparency" in image.info) == (
        "RGBA",
        0,
        False,
    )


def test_profile_and_exif_are_kept(look: Look, rng: np.random.Generator) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    file = io.BytesIO()
    photo = Image.fromarray(rng.integers(0, 256, SHAPE, np.uint8))
    photo.save(file, "JPEG", icc_profile=profile, exif=exif)
    image = look(Image.open(file))
    assert image.info["icc_profile"] == profile
    assert image.getexif()[0x010F] == "Maker"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"\[height, width, 3\], not \[4, 4\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), "one by one"),
        (np.zeros((8, 8, 4), np.uint8), r"not \[8, 8, 4\]"),
        (np.zeros((0, 8, 3), np.uint8), r"not \[0, 8, 3\]"),
        (np.zeros((8, 8, 3), np.int32), "uint8, uint16 or floats, not int32"),
        (np.full((8, 8, 3), 255.0), "float64 must lie between 0 and 1, this one has 255 to 255"),
        (np.full((8, 8, 3), -0.1, np.float32), "between 0 and 1"),
        (np.full((8, 8, 3), np.nan), "has nan to nan"),
        (Image.new("CMYK", (8, 8)), r"not 'CMYK'; convert it first"),
        (Image.new("F", (8, 8)), "not 'F'"),
        ("photo.jpg", "not str; open files with PIL"),
        (jnp.zeros((8, 8, 3)), "convert other arrays with numpy.asarray"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_other_images_are_refused_with_a_hint(look: Look, image: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        look(image)


def test_settings_out_of_range_are_named(look: Look) -> None:
    with pytest.raises(UserError, match=r"strength 2 is not between 0 and 1\.5"):
        look(np.zeros((8, 8, 3), np.uint8), strength=2)


def test_the_network_is_pure_jittable_and_has_gradients(
    look: Look, rng: np.random.Generator
) -> None:
    apply, params = look.network()
    photo = rng.uniform(size=SHAPE).astype(np.float32)
    made = jax.jit(apply)(params, photo[None])[0]
    np.testing.assert_allclose(np.clip(made, 0, 1), made_by_network(look, photo), atol=1e-6)
    mean = jax.jit(jax.value_and_grad(lambda images: jnp.mean(apply(params, images))))
    _, gradient = mean(photo[None])
    step = np.float32(1e-3) * gradient / jnp.max(jnp.abs(gradient))
    rise = float(mean(photo[None] + step)[0] - mean(photo[None] - step)[0])
    assert rise == pytest.approx(2 * float(jnp.sum(step * gradient)), rel=0.1)


def test_an_installed_look_is_loaded_and_applied(rng: np.random.Generator) -> None:
    look = cinegan.load_look("velvia")
    assert look.name == "velvia"
    photo = rng.integers(0, 256, SHAPE, np.uint8)
    assert 2 < np.abs(look(photo).astype(float) - photo).mean() < 80
