"""Sizes, filter and metadata of resized photos."""

import io
from pathlib import Path

import numpy as np
import pytest
from colour import RGB_COLOURSPACES
from image_files import exif_of, rgb_profile
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos.encode import encode_photo
from cinegan_jax.photos.photo import Photo
from cinegan_jax.photos.read import read_photo
from cinegan_jax.photos.resizing import Resize, parse_resize, resized

MOST = 10**7


@pytest.mark.parametrize(
    ("text", "enlarge", "size"),
    [
        ("600", False, (600, 400)),
        ("600x100", False, (150, 100)),
        ("9000", False, (1200, 800)),
        ("2400", True, (2400, 1600)),
        ("50%", False, (600, 400)),
        ("12.5%", False, (150, 100)),
        ("200%", False, (1200, 800)),
        ("200%", True, (2400, 1600)),
        ("1", False, (1, 1)),
    ],
)
def test_sizes(text: str, enlarge: bool, size: tuple[int, int]) -> None:
    assert parse_resize(text, enlarge).size_of(1200, 800) == size
    assert parse_resize("100x600").size_of(800, 1200) == (100, 150)


@pytest.mark.parametrize("text", ["", "big", "0", "-5", "10x", "x10", "0%", "500%", "99999", "1.5"])
def test_a_size_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UserError, match="--resize"):
        parse_resize(text)


def photo_of(image: Image.Image, form: str = "png", **options: object) -> Photo:
    file = io.BytesIO()
    image.save(file, form, **options)
    return read_photo(file.getvalue(), max_pixels=MOST)


def linear(levels: np.ndarray, white: int = 255) -> np.ndarray:
    value = levels / white
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray, white: int = 255) -> np.ndarray:
    light = np.clip(light, 0, 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return value * white


@pytest.mark.parametrize("size", [(20, 14), (40, 28), (120, 84)])
def test_pixels_are_those_of_pillow_s_lanczos_in_linear_light(
    rng: np.random.Generator, size: tuple[int, int]
) -> None:
    noise = rng.integers(0, 256, (28, 40, 3), np.uint8)
    small = Image.fromarray(noise).resize((80, 56), Image.Resampling.BICUBIC)
    photo = photo_of(small)
    light = [
        Image.fromarray(channel.astype(np.float32)).resize(size, Image.Resampling.LANCZOS)
        for channel in np.moveaxis(linear(photo.pixels), -1, 0)
    ]
    wanted = encoded(np.stack(light, axis=-1))
    assert resized(photo, Resize(share=1.0, enlarge=True), MOST) is photo
    got = resized(photo, Resize(*size, enlarge=True), MOST)
    assert got.pixels.shape == wanted.shape
    assert np.abs(got.pixels - wanted).max() <= 0.51


def test_a_checkerboard_keeps_its_brightness() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = resized(photo_of(Image.fromarray(board)), Resize(16, 16), MOST).pixels
    assert abs(int(small[8, 8, 0]) - float(encoded(np.array(0.5)))) <= 1  # 188, not 128


def test_transparent_pixels_do_not_tint_others() -> None:
    image = np.zeros((16, 16, 4), np.uint8)
    image[:, :8] = (200, 100, 50, 255)
    image[:, 8:] = (0, 255, 0, 0)
    small = resized(photo_of(Image.fromarray(image)), Resize(4, 4), MOST)
    assert small.alpha is not None
    assert np.abs(small.pixels[:, :2].astype(int) - (200, 100, 50)).max() <= 1
    assert small.alpha[:, 0].min() == 255


def test_sixteen_bits_and_own_colours_are_kept(rng: np.random.Generator) -> None:
    profile = rgb_profile(RGB_COLOURSPACES["Adobe RGB (1998)"], 2.2)
    flat = np.full((30, 40, 3), (20, 250, 30), np.uint8)
    photo = photo_of(Image.fromarray(flat), "tiff", icc_profile=profile)
    small = resized(photo, Resize(10, 10), MOST)
    with Image.open(io.BytesIO(encode_photo(small, small.pixels))) as made:
        assert made.size == (10, 8)
        assert made.info["icc_profile"] == profile
        assert np.abs(np.asarray(made).astype(int) - flat[0, 0]).max() <= 1


def test_the_metadata_have_the_new_size(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "red")
    photo = photo_of(image, "jpeg", exif=exif_of(6, width=40, height=20))
    small = resized(photo, Resize(10, 10), MOST)
    with Image.open(io.BytesIO(encode_photo(small, small.pixels))) as made:
        assert made.size == (5, 10)
        tags = made.getexif().get_ifd(0x8769)
        assert (tags[0xA002], tags[0xA003]) == (5, 10)
        assert tags[0x9003] == "2024:05:06 07:08:09"


def test_a_result_with_too_many_pixels_is_refused() -> None:
    photo = photo_of(Image.new("L", (10, 10)))
    with pytest.raises(UserError, match="makes 40 x 40 pixels; at most"):
        resized(photo, Resize(share=4.0, enlarge=True), 1000)
