"""TIFF files of unusual kinds, made by tifffile, by libtiff through Pillow, and by hand."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from colour import RGB_COLOURSPACES
from image_files import rgb_profile, saved
from PIL import ExifTags, Image

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import encode_photo
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.read import read_photo


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=10**6)


def _tiff(samples: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **{"photometric": "rgb"} | options)
    return file.getvalue()


def _by_hand(tags: dict[int, tuple[int, tuple[int, ...]]], content: bytes) -> bytes:
    """Return a little-endian TIFF of one strip; types 3 (16 bits), 4 (32 bits), 5 (rationals)."""
    sizes = {3: "H", 4: "L", 5: "L"}
    tags = tags | {273: (4, (0,)), 279: (4, (len(content),))}
    after = 8 + 2 + 12 * len(tags) + 4
    table, values = [struct.pack("<H", len(tags))], b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}{sizes[kind]}", *numbers)
        count = len(numbers) // (2 if kind == 5 else 1)
        if tag == 273:
            packed = b"HERE"
        elif len(packed) > 4:
            packed, values = struct.pack("<L", after + len(values)), values + packed
        table.append(struct.pack("<HHL", tag, kind, count) + packed.ljust(4, b"\0"))
    head = b"II*\0" + struct.pack("<L", 8) + b"".join(table) + bytes(4) + values
    return head.replace(b"HERE", struct.pack("<L", len(head))) + content


def _ycbcr_tags(width: int, height: int, across: int, down: int) -> dict[int, Any]:
    return {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (8, 8, 8)),
        259: (3, (1,)),
        262: (3, (6,)),
        277: (3, (3,)),
        278: (4, (height,)),
        530: (3, (across, down)),
    }


def _to_ycbcr(rgb: np.ndarray, red: float = 0.299, blue: float = 0.114) -> np.ndarray:
    """Return full-range YCbCr, float64 [h, w, 3] (TIFF 6.0, section 21)."""
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    return np.stack([y, (b - y) / (2 - 2 * blue) + 128, (r - y) / (2 - 2 * red) + 128], axis=-1)


def _units(ycbcr: np.ndarray, across: int, down: int) -> bytes:
    """Return blocks of luma followed by the mean chroma of each."""
    height, width = ycbcr.shape[:2]
    out = bytearray()
    for y in range(0, height, down):
        for x in range(0, width, across):
            block = ycbcr[y : y + down, x : x + across]
            pad = ((0, down - block.shape[0]), (0, across - block.shape[1]), (0, 0))
            block = np.pad(block, pad, mode="edge")
            out += np.rint(block[..., 0]).astype(np.uint8).tobytes()
            out += np.rint(block[..., 1:].mean(axis=(0, 1))).astype(np.uint8).tobytes()
    return bytes(out)


@pytest.fixture
def flat(rng: np.random.Generator) -> np.ndarray:
    """An image in blocks of 4 x 4, so that subsampled chroma loses nothing."""
    return np.kron(rng.integers(60, 200, (5, 6, 3), np.uint8), np.ones((4, 4, 1), np.uint8))


@pytest.mark.parametrize("blocks", [(1, 1), (2, 1), (2, 2), (4, 1), (4, 4)])
@pytest.mark.parametrize("size", [(20, 24), (17, 21)])
def test_subsampled_ycbcr(
    flat: np.ndarray, blocks: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    image = flat[: size[0], : size[1]]
    data = _by_hand(_ycbcr_tags(size[1], size[0], *blocks), _units(_to_ycbcr(image), *blocks))
    assert np.abs(_read(data).pixels.astype(int) - image).max() <= 2
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "a.tif"), _read(data).pixels)
    by_libtiff = imagecodecs.tiff_decode(data, asrgb=True)[..., :3]
    assert np.abs(_read(data).pixels.astype(int) - by_libtiff).max() <= 2


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_ycbcr(flat: np.ndarray, compression: str) -> None:
    data = saved(Image.fromarray(flat).convert("YCbCr"), "tiff", compression=compression)
    assert np.abs(_read(data).pixels.astype(int) - flat).max() <= 2


@pytest.mark.parametrize("compression", [5, 8, 32773])
def test_compressed_and_subsampled_ycbcr(flat: np.ndarray, compression: int) -> None:
    encode = {5: imagecodecs.lzw_encode, 8: zlib.compress, 32773: imagecodecs.packbits_encode}
    content = encode[compression](_units(_to_ycbcr(flat), 2, 2))
    tags = _ycbcr_tags(24, 20, 2, 2) | {259: (3, (compression,))}
    assert np.abs(_read(_by_hand(tags, content)).pixels.astype(int) - flat).max() <= 2


def test_ycbcr_coefficients_and_range(flat: np.ndarray) -> None:
    """BT.709 coefficients, and luma and chroma in the range of video."""
    full = _to_ycbcr(flat, 0.2126, 0.0722)
    video = np.stack(
        [16 + full[..., 0] * 219 / 255, *(128 + (full[..., c] - 128) * 112 / 127 for c in (1, 2))],
        axis=-1,
    )
    tags = _ycbcr_tags(24, 20, 1, 1) | {
        529: (5, (2126, 10000, 7152, 10000, 722, 10000)),
        532: (5, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)),
    }
    data = _by_hand(tags, np.rint(video).astype(np.uint8).tobytes())
    assert np.abs(_read(data).pixels.astype(int) - flat).max() <= 3


def test_jpeg_in_tiff(flat: np.ndarray) -> None:
    smooth = np.kron(flat[::4, ::4], np.ones((16, 16, 1), np.uint8))
    data = _tiff(smooth, compression="jpeg", compressionargs={"level": 95}, tile=(16, 16))
    assert np.abs(_read(data).pixels.astype(int) - smooth).mean() < 3


def test_twelve_bit_jpeg_in_tiff(flat: np.ndarray) -> None:
    smooth = np.kron(flat[::4, ::4], np.ones((16, 16, 1), np.uint8)).astype(np.uint16) * 16
    options = {"compressionargs": {"level": 95}, "tile": (16, 16), "bitspersample": 12}
    photo = _read(_tiff(smooth, compression="jpeg", **options))
    assert np.abs(photo.pixels / 16 - smooth).mean() < 24


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
@pytest.mark.parametrize("channels", [1, 3])
def test_bits_between_8_and_16_fill_the_range(
    rng: np.random.Generator, bits: int, channels: int, tmp_path: Path
) -> None:
    levels = rng.integers(0, 2**bits, (7, 16, channels), np.uint16)
    levels[0, 0], levels[0, 1] = 0, 2**bits - 1
    packed = "".join(format(int(v), f"0{bits}b") for v in levels.reshape(7, -1).ravel())
    content = int(packed, 2).to_bytes(len(packed) // 8, "big")
    tags = {
        256: (4, (16,)),
        257: (4, (7,)),
        258: (3, (bits,) * channels),
        259: (3, (1,)),
        262: (3, (2 if channels == 3 else 1,)),
        277: (3, (channels,)),
        278: (4, (7,)),
    }
    data = _by_hand(tags, content)
    photo = _read(data)
    expected = np.broadcast_to(levels * (65535 / (2**bits - 1)), (7, 16, 3))
    np.testing.assert_allclose(photo.pixels, expected, atol=2 ** (16 - bits) * 0.6)
    assert (photo.pixels.min(), photo.pixels.max()) == (0, 65535)
    (tmp_path / "a.tif").write_bytes(data)
    assert np.abs(decode(tmp_path / "a.tif") - expected / 257).max() < 1.1
    unpacked = _by_hand(tags, levels.tobytes())
    np.testing.assert_array_equal(_read(unpacked).pixels, photo.pixels)


@pytest.mark.parametrize("bits", [2, 4])
def test_fewer_than_8_bits(bits: int) -> None:
    levels = np.arange(16).reshape(2, 8) % 2**bits
    packed = "".join(format(int(v), f"0{bits}b") for v in levels.ravel())
    tags = {256: (4, (8,)), 257: (4, (2,)), 258: (3, (bits,)), 259: (3, (1,)), 262: (3, (1,))}
    data = _by_hand(tags | {277: (3, (1,)), 278: (4, (2,))}, int(packed, 2).to_bytes(2 * bits))
    np.testing.assert_array_equal(_read(data).pixels[..., 0], np.rint(levels * 255 / (2**bits - 1)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, False), ("lzw", False), ("lzw", True), ("zlib", False), ("zlib", True)],
)
def test_floating_point(
    rng: np.random.Generator, dtype: Any, compression: str | None, predictor: bool
) -> None:
    levels = rng.uniform(0, 1, (6, 9, 3)).astype(dtype)
    photo = _read(_tiff(levels, compression=compression, predictor=predictor))
    np.testing.assert_array_equal(photo.pixels, np.rint(levels.astype(np.float32) * 65535))
    assert photo.source.notes == ("has floating-point samples; the result has 16 bits",)
    written = tifffile.imread(io.BytesIO(encode_photo(photo, photo.pixels)))
    np.testing.assert_array_equal(written, photo.pixels)


def test_floating_point_beyond_white_is_clipped_with_a_note() -> None:
    levels = np.full((10, 10, 3), 0.5, np.float32)
    levels[0, 0], levels[0, 1], levels[0, 2] = 1.5, -0.25, np.nan
    photo = _read(_tiff(levels))
    np.testing.assert_array_equal(photo.pixels[0, :4, 0], [65535, 0, 0, 32768])
    assert "2 % of its levels are outside 0 to 1 and are clipped" in photo.source.notes


def test_floating_point_of_another_scale_is_refused() -> None:
    levels = np.linspace(0, 255, 300, dtype=np.float32).reshape(10, 10, 3)
    with pytest.raises(UnreadablePhoto, match="floating-point levels up to 255"):
        _read(_tiff(levels))


def test_floating_point_with_a_linear_profile(tmp_path: Path) -> None:
    """darktable exports linear floats with such a profile."""
    profile = rgb_profile(RGB_COLOURSPACES["sRGB"], 1.0)
    light = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)
    data = _tiff(light, iccprofile=profile)
    photo = _read(data)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels / 65535, expected, atol=2e-4)
    (tmp_path / "a.tif").write_bytes(data)
    assert np.abs(decode(tmp_path / "a.tif") - expected * 255).max() < 1
    assert photo.source.profile == profile


@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
def test_wide_integers_are_scaled(rng: np.random.Generator, photometric: str) -> None:
    shape = (6, 9, 3) if photometric == "rgb" else (6, 9)
    levels = rng.integers(0, 2**32, shape, np.uint32)
    photo = _read(_tiff(levels, photometric=photometric))
    expected = np.repeat(levels[..., None], 3, -1) if levels.ndim == 2 else levels
    np.testing.assert_allclose(photo.pixels, expected / (65537 * 65535) * 65535, atol=1)


def test_signed_integers_are_refused_by_name() -> None:
    for samples in (np.full((4, 4, 3), 7, np.int16), np.full((4, 4, 3), -7, np.int8)):
        with pytest.raises(UnreadablePhoto, match="signed integers"):
            _read(_tiff(samples))
    with pytest.raises(UnreadablePhoto, match="signed integers from -7 to -7"):
        _read(_tiff(np.full((4, 4), -7, np.int16), photometric="minisblack"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_associated_alpha_is_kept_as_the_file_has_it(rng: np.random.Generator, dtype: Any) -> None:
    full = np.iinfo(dtype).max
    straight = rng.integers(0, full, (9, 11, 3), dtype, endpoint=True)
    alpha = rng.integers(full // 2, full, (9, 11), dtype, endpoint=True)
    alpha[0, 0] = 0
    stored = np.rint(straight / full * alpha[..., None]).astype(dtype)
    whole = np.concatenate([stored, alpha[..., None]], axis=-1)
    photo = _read(_tiff(whole, extrasamples=["assocalpha"]))
    np.testing.assert_allclose(
        photo.pixels[alpha > 0].astype(int), straight[alpha > 0].astype(int), atol=2
    )
    np.testing.assert_array_equal(photo.alpha, alpha)
    with tifffile.TiffFile(io.BytesIO(encode_photo(photo, photo.pixels))) as tiff:
        assert tiff.pages.first.extrasamples == (tifffile.EXTRASAMPLE.ASSOCALPHA,)
        np.testing.assert_allclose(tiff.asarray().astype(int), whole.astype(int), atol=1)
    with tifffile.TiffFile(
        io.BytesIO(encode_photo(*_other(_tiff(whole, extrasamples=["unassalpha"]))))
    ) as tiff:
        assert tiff.pages.first.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        np.testing.assert_array_equal(tiff.asarray(), whole)


def _other(data: bytes) -> tuple[Photo, np.ndarray]:
    photo = _read(data)
    return photo, photo.pixels


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_alpha_among_several_extra_channels(rng: np.random.Generator, planes: str) -> None:
    whole = rng.integers(0, 256, (20, 24, 6), np.uint8)
    stored = whole if planes == "contig" else np.moveaxis(whole, -1, 0)
    kinds = ["unspecified", "unassalpha", "unspecified"]
    photo = _read(_tiff(stored, planarconfig=planes, extrasamples=kinds, tile=(16, 16)))
    np.testing.assert_array_equal(photo.pixels, whole[..., :3])
    np.testing.assert_array_equal(photo.alpha, whole[..., 4])
    assert photo.source.notes == ("has 2 extra channels, left out of the result",)


def test_white_is_zero_in_every_depth(rng: np.random.Generator) -> None:
    for levels in (
        rng.integers(0, 256, (5, 7), np.uint8),
        rng.integers(0, 65536, (5, 7), np.uint16),
        rng.uniform(0, 1, (5, 7)).astype(np.float32),
    ):
        plain = _read(_tiff(levels, photometric="minisblack"))
        inverted = _read(_tiff(levels, photometric="miniswhite"))
        full = np.iinfo(plain.pixels.dtype).max
        np.testing.assert_array_equal(inverted.pixels, full - plain.pixels)


def test_palettes_of_8_and_16_bits(rng: np.random.Generator) -> None:
    indices = rng.integers(0, 256, (5, 7), np.uint8)
    colours = rng.integers(0, 65536, (3, 256), np.uint16)
    data = _tiff(indices, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(_read(data).pixels, colours.T[indices])
    narrow = colours >> 8
    data = _tiff(indices, photometric="palette", colormap=narrow)
    np.testing.assert_array_equal(_read(data).pixels, narrow.T[indices] * 257)


def _big_directory(at: int, order: str, entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """Return a directory for the offset `at`; entries are tag, type, count and content."""
    table, after = struct.pack(f"{order}Q", len(entries)), b""
    end = at + 8 + 20 * len(entries) + 8
    for tag, kind, count, content in entries:
        value = content.ljust(8, b"\0")
        if len(content) > 8:
            value, after = struct.pack(f"{order}Q", end + len(after)), after + content
        table += struct.pack(f"{order}HHQ", tag, kind, count) + value
    return table + bytes(8) + after


def _big_tiff(order: str, exif_place: int | None = None) -> bytes:
    """A BigTIFF with EXIF and GPS directories, behind its pixels."""
    pixels = np.arange(6 * 9 * 3, dtype=np.uint8).tobytes()

    def number(value: int, code: str = "H") -> bytes:
        return struct.pack(f"{order}{code}", value)

    exif_at = 16 + len(pixels)
    exif = _big_directory(
        *(exif_at, order), [(34855, 3, 1, number(400)), (36867, 2, 20, b"2024:05:06 07:08:09\0")]
    )
    gps_at = exif_at + len(exif)
    place = struct.pack(f"{order}6L", 52, 1, 31, 1, 25, 2)
    gps = _big_directory(gps_at, order, [(1, 2, 2, b"N\0"), (2, 5, 3, place)])
    start = gps_at + len(gps)
    main = [
        (256, 3, 1, number(9)),
        (257, 3, 1, number(6)),
        (258, 3, 3, 3 * number(8)),
        (259, 3, 1, number(1)),
        (262, 3, 1, number(2)),
        (271, 2, 7, b"Camera\0"),
        (273, 16, 1, number(16, "Q")),
        (274, 3, 1, number(6)),
        (277, 3, 1, number(3)),
        (278, 3, 1, number(6)),
        (279, 16, 1, number(len(pixels), "Q")),
        (34665, 18, 1, number(exif_at if exif_place is None else exif_place, "Q")),
        (34853, 16, 1, number(gps_at, "Q")),
    ]
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, start)
    return head + pixels + exif + gps + _big_directory(start, order, main)


@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiff_keeps_exif_and_is_turned(tmp_path: Path, order: str) -> None:
    data = _big_tiff(order)
    photo = _read(data)
    pixels = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    np.testing.assert_array_equal(photo.pixels, np.rot90(pixels, -1))
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "a.tif"), photo.pixels)
    assert photo.source.notes == ()
    exif = Image.open(io.BytesIO(encode_photo(photo, photo.pixels))).getexif()
    assert exif[ExifTags.Base.Make] == "Camera"
    assert exif[ExifTags.Base.Orientation] == 1
    assert exif.get_ifd(ExifTags.IFD.Exif)[36867] == "2024:05:06 07:08:09"
    assert exif.get_ifd(ExifTags.IFD.Exif)[34855] == 400
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 31.0, 12.5)


def test_damaged_big_tiff_directories_still_give_the_orientation() -> None:
    photo = _read(_big_tiff("<", exif_place=0x7FFFFFFF))
    assert photo.pixels.shape == (9, 6, 3)
    assert any("metadata cannot be read" in note for note in photo.source.notes)
