"""Exposure and white balance, against colour-science and closed forms."""

import io

import colour
import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import reread, rgb_profile, saved
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos.encode import encode_photo
from cinegan_jax.photos.light import Light, neutralising, white_of
from cinegan_jax.photos.photo import Photo
from cinegan_jax.photos.read import read_photo

SRGB = colour.RGB_COLOURSPACES["sRGB"]
D65 = colour.xy_to_XYZ((0.3127, 0.3290))


def _read(data: bytes, light: Light = Light()) -> Photo:
    return read_photo(data, max_pixels=10**6, light=light)


def _png(pixels: np.ndarray) -> bytes:
    return imagecodecs.png_encode(pixels)


def _linear(pixels: np.ndarray) -> np.ndarray:
    return colour.cctf_decoding(pixels / np.iinfo(pixels.dtype).max, function="sRGB")


def _encoded(light: np.ndarray) -> np.ndarray:
    return 65535 * colour.cctf_encoding(np.clip(light, 0, 1), function="sRGB")


@pytest.mark.parametrize("kelvin", [2000, 2222, 3200, 3999, 4000, 5500, 6504, 7000, 9300, 25000])
def test_whites_are_those_of_cie_daylight_and_of_black_bodies(kelvin: int) -> None:
    to_xy = (
        colour.temperature.CCT_to_xy_CIE_D
        if kelvin >= 4000
        else colour.temperature.CCT_to_xy_Kang2002
    )
    white = SRGB.matrix_RGB_to_XYZ @ white_of(kelvin)
    np.testing.assert_allclose(white, colour.xy_to_XYZ(to_xy(kelvin)), atol=2e-4)


@pytest.mark.parametrize("kelvin", [2500, 4500, 10000])
def test_white_is_adapted_by_bradford(kelvin: int) -> None:
    white = white_of(kelvin)
    xyz = SRGB.matrix_RGB_to_XYZ @ white
    expected = (
        SRGB.matrix_XYZ_to_RGB
        @ colour.adaptation.matrix_chromatic_adaptation_VonKries(xyz, D65, "Bradford")
        @ SRGB.matrix_RGB_to_XYZ
    )
    np.testing.assert_allclose(neutralising(white), expected, atol=2e-3)
    np.testing.assert_allclose(neutralising(white) @ white, 1, atol=1e-3)


@pytest.mark.parametrize("stops", [-5, -1, 0.5, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_exposure_multiplies_linear_light_and_clips(
    rng: np.random.Generator, dtype: type, stops: float
) -> None:
    pixels = rng.integers(0, np.iinfo(dtype).max, (12, 9, 3), dtype, endpoint=True)
    photo = _read(_png(pixels), Light(stops))
    assert photo.pixels.dtype == np.uint16
    assert photo.source.bits == 8 * pixels.itemsize
    np.testing.assert_allclose(photo.pixels, _encoded(_linear(pixels) * 2.0**stops), atol=2)


@pytest.mark.parametrize("kelvin", [3000, 8000])
def test_temperature_adapts_linear_light(rng: np.random.Generator, kelvin: int) -> None:
    pixels = rng.integers(0, 65536, (12, 9, 3), np.uint16)
    photo = _read(_png(pixels), Light(0.5, f"{kelvin}"))
    expected = _encoded(2**0.5 * _linear(pixels) @ neutralising(white_of(kelvin)).T)
    np.testing.assert_allclose(photo.pixels, expected, atol=4)


def test_no_change_is_exact(blocks: np.ndarray) -> None:
    for light in (Light(), Light(0.0, "camera")):
        np.testing.assert_array_equal(_read(_png(blocks), light).pixels, blocks)


def test_daylight_of_other_photos_is_a_note(blocks: np.ndarray) -> None:
    photo = _read(_png(blocks), Light(white_balance="daylight"))
    np.testing.assert_array_equal(photo.pixels, blocks)
    assert "white balance stays" in photo.source.notes[0]


def test_auto_makes_the_mean_neutral(rng: np.random.Generator) -> None:
    pixels = rng.integers(10000, 40000, (40, 40, 3), np.uint16)
    pixels[..., 2] //= 2
    pixels[:5] = 65535  # clipped pixels do not count
    photo = _read(_png(pixels), Light(white_balance="auto"))
    mean = _linear(photo.pixels)[5:].mean(axis=(0, 1))
    assert np.ptp(mean) < 0.01 * mean.max()


def test_wide_gamut_is_changed_in_its_own_space(rng: np.random.Generator) -> None:
    space = colour.RGB_COLOURSPACES["Display P3"]
    light = rng.uniform(0.02, 0.4, (10, 10, 3))
    light[0, 0] = 0.0, 0.4, 0.0  # outside sRGB
    stored = np.rint(65535 * light ** (1 / 2.2)).astype(np.uint16)
    file = io.BytesIO()
    profile = rgb_profile(space, 2.2)
    tifffile.imwrite(file, stored, photometric="rgb", iccprofile=profile)
    photo = _read(file.getvalue(), Light(1.0))
    result = encode_photo(photo, photo.pixels)
    with tifffile.TiffFile(io.BytesIO(result)) as tiff:
        assert tiff.pages.first.iccprofile == profile
        own = (tiff.asarray() / 65535) ** 2.2
    np.testing.assert_allclose(own, np.minimum(2 * light, 1), atol=2e-3)


def test_grey_photos_stay_grey(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (8, 8), np.uint8)
    photo = _read(_png(grey), Light(1.0, "3000"))
    assert photo.source.grey
    expected = _encoded(2 * _linear(grey))[..., None].repeat(3, -1)
    np.testing.assert_allclose(photo.pixels, expected, atol=2)
    profile = imagecodecs.cms_profile("gray", gamma=1.8)
    data = saved(Image.fromarray(grey), "png", icc_profile=profile)
    brighter = _read(data, Light(1.0))
    own = np.asarray(reread(encode_photo(brighter, brighter.pixels))) / 255
    np.testing.assert_allclose(own**1.8, np.minimum(2 * (grey / 255) ** 1.8, 1), atol=0.012)


def test_cmyk_and_alpha(blocks: np.ndarray) -> None:
    cmyk = Image.fromarray(blocks).convert("CMYK")
    data = saved(cmyk, "tiff")
    before, after = _read(data).pixels, _read(data, Light(-1.0)).pixels
    np.testing.assert_allclose(after, _encoded(_linear(before) / 2), atol=3)
    alpha = np.full((*blocks.shape[:2], 1), 77, np.uint8)
    photo = _read(_png(np.concatenate([blocks, alpha], axis=-1)), Light(1.0))
    assert (photo.alpha == 77 * 257).all()
    seen = np.asarray(reread(encode_photo(photo, photo.pixels)))
    assert seen.dtype == np.uint8
    assert (seen[..., 3] == 77).all()


@pytest.mark.parametrize(
    ("light", "match"),
    [
        (Light(5.1), r"exposure is 5.1 EV, but must be in -5..5"),
        (Light(float("nan")), "exposure is nan EV"),
        (Light(0.0, "warm"), "white balance is 'warm', but must be one of camera, daylight, auto"),
        (Light(0.0, "1999"), r"white balance is 1999 K, but must be in 2000..25000 K"),
        (Light(0.0, "-5500"), "white balance is '-5500'"),
        (Light(0.0, "99999"), "white balance is 99999 K"),
    ],
)
def test_values_out_of_range_are_named(light: Light, match: str) -> None:
    with pytest.raises(UserError, match=match):
        light.check()


def test_a_temperature_may_have_a_unit() -> None:
    assert Light(0.0, "5500K").kelvin == Light(0.0, "5500 K").kelvin == 5500
