"""Reading images of every kind, against Pillow's and tifffile's own reading and closed forms."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import exif_of, saved
from PIL import Image, ImageOps

from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.read import probe, read_photo

LIMIT = 10**6


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=LIMIT)


@pytest.mark.parametrize("format", ["png", "bmp", "tiff"])
def test_lossless_images_are_read_as_stored(blocks: np.ndarray, format: str) -> None:
    photo = _read(saved(Image.fromarray(blocks), format))
    np.testing.assert_array_equal(photo.pixels, blocks)
    assert photo.alpha is None
    assert photo.source.format == format


def test_webp_and_gif_are_read_as_stored(blocks: np.ndarray) -> None:
    photo = _read(saved(Image.fromarray(blocks), "webp", lossless=True))
    np.testing.assert_array_equal(photo.pixels, blocks)
    gif = saved(Image.fromarray(blocks), "gif")
    np.testing.assert_array_equal(
        _read(gif).pixels, np.asarray(Image.open(io.BytesIO(gif)).convert("RGB"))
    )


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright_as_pillow_turns_them(
    blocks: np.ndarray, format: str, orientation: int
) -> None:
    data = saved(Image.fromarray(blocks), format, exif=exif_of(orientation).tobytes(), quality=90)
    seen = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    np.testing.assert_array_equal(_read(data).pixels, np.asarray(seen))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(blocks: np.ndarray, orientation: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    upright = io.BytesIO()
    size, exif = (blocks.shape[1], blocks.shape[0]), exif_of(orientation).tobytes()
    pillow_heif.encode("RGB", size, blocks.tobytes(), upright, exif=exif, quality=95, chroma=444)
    stored = Image.fromarray(blocks)
    stored.getexif()[0x0112] = orientation
    seen = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    photo = _read(upright.getvalue())
    assert photo.pixels.shape == seen.shape
    assert np.abs(photo.pixels - seen).mean() < 4


def test_sixteen_bits_stay(rng: np.random.Generator) -> None:
    ramp = rng.integers(0, 65536, (9, 7, 3), np.uint16)
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, ramp, photometric="rgb", compression="lzw", predictor=True)
    for data in (imagecodecs.png_encode(ramp), tiff.getvalue()):
        photo = _read(data)
        assert photo.source.bits == 16
        np.testing.assert_array_equal(photo.pixels, ramp)


def test_tiff_in_planes_tiles_and_big_endian(rng: np.random.Generator) -> None:
    whole = rng.integers(0, 65536, (40, 56, 3), np.uint16)
    for data, options in (
        (whole, {"tile": (16, 16), "compression": "zlib"}),
        (np.moveaxis(whole, -1, 0), {"planarconfig": "separate"}),
        (whole, {"byteorder": ">", "bigtiff": True}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, data, photometric="rgb", **options)
        np.testing.assert_array_equal(_read(file.getvalue()).pixels, whole)


def test_grey_has_three_equal_channels(rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (5, 7), np.uint8)
    white_is_zero = io.BytesIO()
    tifffile.imwrite(white_is_zero, ~grey, photometric="miniswhite")
    for data in (saved(Image.fromarray(grey), "png"), white_is_zero.getvalue()):
        photo = _read(data)
        assert photo.source.grey
        np.testing.assert_array_equal(photo.pixels, np.repeat(grey[..., None], 3, -1))


def test_alpha_of_every_kind(rng: np.random.Generator) -> None:
    rgba = rng.integers(0, 256, (5, 7, 4), np.uint8)
    photo = _read(saved(Image.fromarray(rgba), "png"))
    np.testing.assert_array_equal(photo.pixels, rgba[..., :3])
    np.testing.assert_array_equal(photo.alpha, rgba[..., 3])
    palette = Image.fromarray(rgba[..., 0]).convert("P")
    data = saved(palette, "png", transparency=int(np.asarray(palette)[0, 0]))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    photo = _read(data)
    np.testing.assert_array_equal(photo.alpha, expected[..., 3])
    assert photo.alpha[0, 0] == 0
    grey_alpha = rng.integers(0, 65536, (5, 7, 2), np.uint16)
    photo = _read(imagecodecs.png_encode(grey_alpha))
    np.testing.assert_array_equal(photo.alpha, grey_alpha[..., 1])


def test_single_bits(rng: np.random.Generator) -> None:
    bits = rng.integers(0, 2, (9, 13)).astype(bool)
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, bits, photometric="minisblack")
    for data in (saved(Image.fromarray(bits), "png"), tiff.getvalue()):
        np.testing.assert_array_equal(_read(data).pixels[..., 0], bits * np.uint8(255))


@pytest.mark.parametrize("size", [(1, 1), (5, 20000), (20000, 5)])
def test_odd_sizes(size: int) -> None:
    row = np.arange(size[0] * size[1], dtype=np.uint32).reshape(size[::-1]) % 251
    image = np.repeat(row[..., None].astype(np.uint8), 3, -1)
    np.testing.assert_array_equal(_read(saved(Image.fromarray(image), "png")).pixels, image)


def test_only_the_first_frame_and_it_is_said(blocks: np.ndarray) -> None:
    frames = {"save_all": True, "append_images": [Image.fromarray(255 - blocks)]}
    first = Image.fromarray(blocks)
    for format, options in (("gif", {}), ("webp", {"lossless": True}), ("tiff", {}), ("png", {})):
        photo = _read(saved(first, format, **frames, **options))
        assert any("first is used" in note for note in photo.source.notes), format
        if format != "gif":
            np.testing.assert_array_equal(photo.pixels, blocks)
    assert _read(saved(first, "tiff")).source.notes == ()


def test_kind_comes_from_the_content(tmp_path: Path, blocks: np.ndarray) -> None:
    path = tmp_path / "photo \U0001f33b\n.jpg"
    path.write_bytes(saved(Image.fromarray(blocks), "png"))
    assert read_photo(path, max_pixels=LIMIT).source.format == "png"
    assert probe(path).format == "png"


def test_probe_returns_the_size_without_decoding() -> None:
    data = saved(Image.new("L", (3000, 2000)), "png")
    seen = probe(data[:60])
    assert (seen.format, seen.width, seen.height) == ("png", 3000, 2000)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "gif", "avif"])
def test_size_is_limited_before_decoding(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.new("RGB", (2000, 1000)), format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900_000)  # which is not what limits
    read_photo(data, max_pixels=2_000_000)
    with pytest.raises(UnreadablePhoto, match=r"big: 2000 x 1000 .* 2\.0 mega.* at most 1\.9"):
        read_photo(data, name="big", max_pixels=1_900_000)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "gif", "avif"])
def test_cut_off_files_are_refused(rng: np.random.Generator, format: str) -> None:
    data = saved(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), format)
    for length in (20, len(data) // 2, len(data) - 40):
        with pytest.raises(UnreadablePhoto, match=r"^photo: "):
            _read(data[:length])


def test_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    for content, why in (
        (b"\x89PNG\r\n\x1a\n", "cannot be decoded: truncated header"),
        (b"", "an empty file"),
        (b"hello", "not an image"),
        (b"%PDF", "not an image of a supported format"),
    ):
        with pytest.raises(UnreadablePhoto, match=f"photo: {why}"):
            _read(content)
    with pytest.raises(UnreadablePhoto, match=r"none\.jpg: no such file"):
        read_photo(tmp_path / "none.jpg", max_pixels=LIMIT)
    with pytest.raises(UnreadablePhoto, match="folder"):
        read_photo(tmp_path, max_pixels=LIMIT)


def test_a_large_jpeg_in_a_small_tiff_is_not_decoded() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((16, 16, 3), np.uint8), photometric="rgb", compression="jpeg")
    data = bytearray(file.getvalue())
    large = saved(Image.new("RGB", (4000, 4000)), "jpeg")
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tiff:
        tags = tiff.pages[0].tags
        for name, value in (("StripOffsets", len(data)), ("StripByteCounts", len(large))):
            at = tags[name].valueoffset
            data[at : at + 4] = value.to_bytes(4, "little")
    with pytest.raises(UnreadablePhoto, match=r"a JPEG of \(4000, 4000\) in a tile of \(16, 16\)"):
        _read(bytes(data) + large)


def test_damage_of_any_kind_is_one_clear_error(
    rng: np.random.Generator, blocks: np.ndarray
) -> None:
    """Flipped bytes give a photo or an UnreadablePhoto, and nothing else."""
    image, exif = Image.fromarray(blocks), exif_of(6).tobytes()
    kinds = {
        format: saved(image, format, **({} if format in ("bmp", "gif") else {"exif": exif}))
        for format in ("jpeg", "png", "webp", "tiff", "bmp", "gif")
    }
    refused = 0
    for data in kinds.values():
        for _ in range(20):
            damaged = bytearray(data)
            for at in rng.integers(0, min(len(data), 400), 4):
                damaged[at] = rng.integers(256)
            try:
                _read(bytes(damaged))
            except UnreadablePhoto:
                refused += 1
    assert refused > 20


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, blocks: np.ndarray) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"
    from cinegan_jax.photos.formats import heic as heic_format
    from cinegan_jax.photos.formats import raw as raw_format

    monkeypatch.setattr(heic_format, "pillow_heif", None)
    monkeypatch.setattr(raw_format, "rawpy", None)
    with pytest.raises(UnreadablePhoto, match=r"pip install '\.\[heif\]'"):
        _read(heic)
    with pytest.raises(UnreadablePhoto, match=r"pip install '\.\[raw\]'"):
        _read(b"FUJIFILMCCD-RAW 0201")
