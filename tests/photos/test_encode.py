"""Writing photos back, against Pillow, tifffile and the pixels that went in."""

import io
from typing import Any

import colour
import imagecodecs
import numpy as np
import pytest
import tifffile
from colour import RGB_COLOURSPACES
from image_files import exif_of, reread, rgb_profile, saved
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos.encode import EncodeOptions, encode_photo, output_suffix
from cinegan_jax.photos.levels import dithered, widened
from cinegan_jax.photos.photo import Photo
from cinegan_jax.photos.profile_builders import adobe_rgb_profile, srgb_profile
from cinegan_jax.photos.read import read_photo

PROPHOTO = rgb_profile(RGB_COLOURSPACES["ProPhoto RGB"], 1.8)


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=10**6)


def _unchanged(data: bytes, **options: Any) -> bytes:
    photo = _read(data)
    return encode_photo(photo, photo.pixels, EncodeOptions(**options))


@pytest.mark.parametrize("format", ["png", "tiff", "bmp", "webp"])
def test_untouched_pixels_come_back_exactly(rng: np.random.Generator, format: str) -> None:
    pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
    options = {"lossless": True} if format == "webp" else {}
    written = _unchanged(saved(Image.fromarray(pixels), format, **options))
    assert reread(written).format == format.upper()
    np.testing.assert_array_equal(np.asarray(reread(written).convert("RGB")), pixels)


@pytest.mark.parametrize("compression", ["none", "lzw", "zlib"])
def test_sixteen_bit_tiff_and_its_compression_stay(
    rng: np.random.Generator, compression: str
) -> None:
    pixels = rng.integers(0, 65536, (20, 30, 3), np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", compression=compression)
    with tifffile.TiffFile(io.BytesIO(_unchanged(file.getvalue()))) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), pixels)
        with tifffile.TiffFile(io.BytesIO(file.getvalue())) as source:
            assert tiff.pages[0].compression == source.pages[0].compression


def test_sixteen_bit_png_stays_between_formats(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, (20, 30, 3), np.uint16)
    png = imagecodecs.png_encode(pixels)
    np.testing.assert_array_equal(imagecodecs.png_decode(_unchanged(png)), pixels)
    tiff = _unchanged(png, format="tiff")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), pixels)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_compressed_as_its_source(
    blocks: np.ndarray, subsampling: int, progressive: bool
) -> None:
    options = {"quality": 83, "subsampling": subsampling, "progressive": progressive}
    source = saved(Image.fromarray(blocks), "jpeg", **options)
    before, after = reread(source), reread(_unchanged(source))
    assert after.quantization == before.quantization
    assert after.layer == before.layer
    assert after.info.get("progressive") == before.info.get("progressive")
    kept = reread(saved(before, "jpeg", quality="keep"))
    np.testing.assert_array_equal(np.asarray(after), np.asarray(kept))


def test_quality_can_be_given(rng: np.random.Generator) -> None:
    source = saved(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), "jpeg")
    assert len(_unchanged(source, quality=30)) < len(_unchanged(source)) / 1.5
    progressive = saved(reread(source), "jpeg", progressive=True, subsampling=0)
    for quality in (94, 100):  # noise in progressive JPEG needs all the room the encoder has
        assert reread(_unchanged(progressive, quality=quality)).size == (64, 64)


def test_a_photo_from_another_format_keeps_all_its_colour(blocks: np.ndarray) -> None:
    jpeg = reread(_unchanged(saved(Image.fromarray(blocks), "png"), format="jpeg"))
    assert [layer[1:3] for layer in jpeg.layer] == [(1, 1)] * 3


@pytest.mark.parametrize("profile", [adobe_rgb_profile(), PROPHOTO], ids=["adobe", "prophoto"])
def test_wide_gamut_comes_back_exactly_even_outside_srgb(
    rng: np.random.Generator, profile: bytes
) -> None:
    pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
    data = saved(Image.fromarray(pixels), "png", icc_profile=profile)
    photo = _read(data)
    assert photo.pixels.dtype == np.uint16
    written = reread(encode_photo(photo, photo.pixels))
    assert written.info["icc_profile"] == profile
    np.testing.assert_allclose(np.asarray(written).astype(int), pixels, atol=1)
    clipped = ((photo.pixels == 0) | (photo.pixels == 65535)).any(-1)
    assert clipped.mean() > 0.3
    np.testing.assert_array_equal(np.asarray(written)[clipped], pixels[clipped])


def test_a_look_in_grey_leaves_no_tint_of_what_was_clipped() -> None:
    green = np.zeros((4, 4, 3), np.uint8)
    green[..., 1] = 255
    photo = _read(saved(Image.fromarray(green), "png", icc_profile=adobe_rgb_profile()))
    grey = np.full_like(photo.pixels, 30000)
    written = np.asarray(reread(encode_photo(photo, grey)))
    assert np.ptp(written, axis=-1).max() <= 1


def test_a_format_without_profiles_gets_srgb(blocks: np.ndarray) -> None:
    data = saved(Image.fromarray(blocks), "png", icc_profile=adobe_rgb_profile())
    photo = _read(data)
    written = np.asarray(reread(encode_photo(photo, photo.pixels, EncodeOptions("bmp"))))
    assert np.abs(written - photo.pixels / 257).max() <= 1


def test_grey_stays_grey_until_it_is_tinted(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (9, 11), np.uint8)
    photo = _read(saved(Image.fromarray(grey), "png"))
    written = reread(encode_photo(photo, photo.pixels))
    assert written.mode == "L"
    np.testing.assert_array_equal(np.asarray(written), grey)
    tinted = photo.pixels // 2 + np.array([40, 20, 0], np.uint8)
    written = reread(encode_photo(photo, tinted))
    np.testing.assert_array_equal(np.asarray(written), tinted)


def test_grey_with_a_profile(rng: np.random.Generator) -> None:
    grey, profile = (
        rng.integers(0, 256, (9, 11), np.uint8),
        imagecodecs.cms_profile("gray", gamma=1.8),
    )
    photo = _read(saved(Image.fromarray(grey), "png", icc_profile=profile))
    written = reread(encode_photo(photo, photo.pixels))
    assert written.info["icc_profile"] == profile
    np.testing.assert_allclose(np.asarray(written).astype(int), grey, atol=1)
    tinted = photo.pixels // 2 + np.array([9000, 4000, 0], np.uint16)
    written = reread(encode_photo(photo, tinted))
    assert written.info["icc_profile"] == srgb_profile()
    np.testing.assert_allclose(np.asarray(written), tinted / 257, atol=1)


def test_alpha_is_kept_or_laid_over_white(rng: np.random.Generator) -> None:
    rgba = rng.integers(0, 256, (9, 11, 4), np.uint8)
    data = saved(Image.fromarray(rgba), "png")
    for format in ("png", "tiff", "webp"):
        np.testing.assert_array_equal(
            np.asarray(reread(_unchanged(data, format=format)))[..., 3], rgba[..., 3]
        )
    white = Image.alpha_composite(Image.new("RGBA", (11, 9), "white"), Image.fromarray(rgba))
    seen = np.asarray(reread(_unchanged(data, format="bmp"))).astype(int)
    assert np.abs(seen - np.asarray(white)[..., :3]).max() <= 1


def test_alpha_of_a_wide_gamut_photo(rng: np.random.Generator) -> None:
    rgba = rng.integers(0, 256, (9, 11, 4), np.uint8)
    written = _unchanged(saved(Image.fromarray(rgba), "png", icc_profile=adobe_rgb_profile()))
    np.testing.assert_array_equal(np.asarray(reread(written))[..., 3], rgba[..., 3])


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_cmyk_becomes_rgb(format: str) -> None:
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    options = {"quality": 100} if format == "jpeg" else {}
    written = reread(_unchanged(saved(cmyk, format, **options)))
    assert written.mode == "RGB"
    assert written.info["icc_profile"] == srgb_profile()
    np.testing.assert_allclose(np.asarray(written)[8, 8], [255, 0, 0], atol=3)


def test_lab_tiff_becomes_rgb() -> None:
    lab = Image.fromarray(np.full((8, 8, 3), [128, 40, 216], np.uint8), "LAB")
    photo = _read(saved(lab, "tiff"))
    d50 = np.array([0.3457, 0.3585])
    expected = colour.XYZ_to_sRGB(
        colour.Lab_to_XYZ([128 / 2.55, 40, 216 - 256], d50), d50, "Bradford"
    )
    np.testing.assert_allclose(photo.pixels[4, 4] / 65535, expected, atol=0.01)


def test_a_broken_profile_is_left_out_with_a_note(blocks: np.ndarray) -> None:
    for profile in (b"no profile" * 20, imagecodecs.cms_profile("gray", gamma=2.2)):
        photo = _read(saved(Image.fromarray(blocks), "png", icc_profile=profile))
        np.testing.assert_array_equal(photo.pixels, blocks)
        assert any("colour profile" in note for note in photo.source.notes)
        assert "icc_profile" not in reread(encode_photo(photo, photo.pixels)).info


def test_adobe_rgb_without_a_profile_is_known_by_exif(blocks: np.ndarray) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    photo = _read(saved(Image.fromarray(blocks), "png", exif=exif.tobytes()))
    assert photo.source.profile == adobe_rgb_profile()


def test_rounding_to_eight_bits_keeps_the_mean() -> None:
    level = 100.3
    flat = np.full((300, 300, 3), round(level * 257), np.uint16)
    seen = dithered(flat, np.random.default_rng(0))
    assert set(np.unique(seen)) == {100, 101}
    assert seen.mean() == pytest.approx(level, abs=0.005)
    exact = np.arange(256, dtype=np.uint16)[:, None] * np.uint16(257)
    np.testing.assert_array_equal(
        dithered(exact, np.random.default_rng(0)), np.arange(256)[:, None]
    )


def test_the_noise_of_rounding_is_seeded(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, (20, 30, 3), np.uint16)
    png = imagecodecs.png_encode(pixels)
    assert _unchanged(png, format="bmp", seed=1) == _unchanged(png, format="bmp", seed=1)
    assert _unchanged(png, format="bmp", seed=1) != _unchanged(png, format="bmp", seed=2)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_fewer_bits_fill_the_range_of_sixteen(bits: int) -> None:
    levels = np.array([0, 2**bits // 2, 2**bits - 1], np.uint16)
    expected = levels * (65535 / (2**bits - 1))
    np.testing.assert_allclose(widened(levels, bits), expected, atol=16)
    assert widened(levels, bits)[-1] == 65535


def test_suffixes_and_formats(blocks: np.ndarray) -> None:
    gif = _read(saved(Image.fromarray(blocks), "gif"))
    assert output_suffix(gif) == ".png"
    assert output_suffix(gif, EncodeOptions("jpeg")) == ".jpg"
    assert reread(encode_photo(gif, gif.pixels)).format == "PNG"
    with pytest.raises(UserError, match=r"'jpg'; known: jpeg, png"):
        encode_photo(gif, gif.pixels, EncodeOptions("jpg"))
    with pytest.raises(UserError, match="quality is 0"):
        encode_photo(gif, gif.pixels, EncodeOptions(quality=0))


def test_sides_that_a_format_cannot_hold() -> None:
    photo = _read(saved(Image.new("RGB", (20000, 5)), "png"))
    with pytest.raises(UserError, match="20000 pixels, but webp allows at most 16383"):
        encode_photo(photo, photo.pixels, EncodeOptions("webp"))
    assert reread(encode_photo(photo, photo.pixels, EncodeOptions("jpeg"))).size == (20000, 5)


def test_pixels_of_another_photo_are_refused(blocks: np.ndarray) -> None:
    photo = _read(saved(Image.fromarray(blocks), "png"))
    with pytest.raises(ValueError, match="pixels"):
        encode_photo(photo, photo.pixels[1:])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_of_many_strips_is_read_by_others(
    rng: np.random.Generator, compression: str
) -> None:
    """One page, with the pixels of all strips, by libtiff."""
    pixels = rng.integers(0, 256, (900, 1000, 3), np.uint8)
    exif = exif_of(1).tobytes()
    with_exif = _unchanged(saved(Image.fromarray(pixels), "png", exif=exif), format="tiff")
    assert reread(with_exif).n_frames == 1
    np.testing.assert_array_equal(np.asarray(reread(with_exif)), pixels)
    source = saved(Image.fromarray(pixels), "tiff", compression=compression)
    written = reread(_unchanged(source))
    assert written.info["compression"] == compression
    np.testing.assert_array_equal(np.asarray(written), pixels)
