"""JPEG files of rare kinds, against the samples that were encoded and against Pillow."""

import base64
import io

import imagecodecs
import numpy as np
import pytest
from image_files import exif_of, reread, saved
from PIL import Image

from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.read import read_photo

ARITHMETIC = base64.b64decode(  # made by libjpeg's cjpeg -arithmetic, 24 x 16 pixels
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsL"
    "EBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
    "FBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAAQABgDAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD3MpS5"
    "rlsV7nPveeHym5jeMSDVcZGju4+KxEVTwBz/2Q=="
)


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo.jpg", max_pixels=10**6)


def _scaled(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Pixels of 8 bits in the range of `bits`."""
    return np.rint(pixels / 255 * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def _to_sixteen(samples: np.ndarray, bits: int) -> np.ndarray:
    return samples / (2**bits - 1) * 65535


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(content)).to_bytes(2, "big") + content


def _with_frame(data: bytes, marker: int, bits: int = 8) -> bytes:
    """A JPEG whose frame claims another coding process or precision."""
    start = data.index(b"\xff\xc0")
    changed = bytes([0xFF, marker]) + data[start + 2 : start + 4] + bytes([bits])
    return data[:start] + changed + data[start + 5 :]


@pytest.mark.parametrize("subsampling", ["444", "420"])
def test_twelve_bits_reach_the_range_of_sixteen(blocks: np.ndarray, subsampling: str) -> None:
    stored = _scaled(blocks, 12)
    data = imagecodecs.jpeg8_encode(stored, 98, bitspersample=12, subsampling=subsampling)
    photo = _read(data)
    assert photo.pixels.dtype == np.uint16
    difference = np.abs(photo.pixels - _to_sixteen(stored, 12))
    assert np.median(difference) < 65535 / 400
    assert photo.source.notes == ("has 12 bits per channel, a new JPEG 8; TIFF and PNG keep them",)


def test_white_of_twelve_bits_is_white() -> None:
    white = np.full((16, 16), 4095, np.uint16)
    photo = _read(imagecodecs.jpeg8_encode(white, 98, bitspersample=12))
    assert (photo.pixels == 65535).all()


def test_twelve_bits_are_written_as_jpeg_and_tiff(blocks: np.ndarray) -> None:
    stored = _scaled(blocks, 12)
    photo = _read(imagecodecs.jpeg8_encode(stored, 98, bitspersample=12, subsampling="444"))
    seen = np.asarray(reread(encode_photo(photo, photo.pixels)))
    assert np.abs(seen - blocks.astype(int)).mean() < 2
    tiff = imagecodecs.tiff_decode(encode_photo(photo, photo.pixels, EncodeOptions("tiff")))
    np.testing.assert_array_equal(tiff, photo.pixels)


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize(
    ("kind", "bits"), [*(("SOF3", bits) for bits in (4, 8, 10, 12, 16)), ("LS", 8), ("LS", 16)]
)
def test_lossless_kinds_are_read_exactly_and_written(
    blocks: np.ndarray, kind: str, bits: int, grey: bool
) -> None:
    stored = _scaled(blocks[..., 0].copy() if grey else blocks, bits)
    if kind == "LS":
        data = imagecodecs.jpegls_encode(stored, level=0)
    else:
        options = {"lossless": True, "predictor": 1, "bitspersample": bits}
        data = imagecodecs.jpeg8_encode(stored, **options)
    photo = _read(data)
    assert photo.source.grey is grey
    assert photo.source.bits == (8 if bits <= 8 else 16)
    full = 255 if bits <= 8 else 65535
    expected = np.atleast_3d(stored / (2**bits - 1) * full)
    assert np.abs(photo.pixels - expected).max() <= 1
    assert "without loss" in photo.source.notes[0]
    seen = reread(encode_photo(photo, photo.pixels))
    assert seen.format == "JPEG"
    assert np.abs(np.asarray(seen.convert("RGB")) - expected / full * 255).mean() < 3


def test_rare_kinds_keep_metadata_and_orientation(blocks: np.ndarray) -> None:
    data = imagecodecs.jpeg8_encode(_scaled(blocks, 12), 98, bitspersample=12)
    exif = exif_of(6).tobytes()
    photo = _read(data[:2] + _segment(0xE1, exif) + data[2:])
    assert photo.pixels.shape == (blocks.shape[1], blocks.shape[0], 3)
    assert reread(encode_photo(photo, photo.pixels)).getexif()[0x010F] == "Camera"


def test_arithmetic_coding_is_read() -> None:
    seen = np.asarray(Image.open(io.BytesIO(ARITHMETIC)))
    photo = _read(ARITHMETIC)
    np.testing.assert_array_equal(photo.pixels, seen)
    assert reread(encode_photo(photo, photo.pixels)).size == (24, 16)


def test_a_height_after_the_scan_is_used(blocks: np.ndarray) -> None:
    data = saved(Image.fromarray(blocks), "jpeg", quality=95)
    place = data.index(b"\xff\xc0") + 5
    lines = _segment(0xDC, data[place : place + 2])
    late = data[:place] + b"\0\0" + data[place + 2 : -2] + lines + data[-2:]
    np.testing.assert_array_equal(_read(late).pixels, np.asarray(reread(data)))
    with pytest.raises(UnreadablePhoto, match="gives no height"):
        _read(data[:place] + b"\0\0" + data[place + 2 :])


def test_cmyk_of_twelve_bits_has_the_colours_of_eight(blocks: np.ndarray) -> None:
    ink = np.concatenate([255 - blocks, blocks[..., :1] // 4], axis=-1)
    eight = _read(saved(Image.fromarray(ink, "CMYK"), "jpeg", quality=98, subsampling=0))
    complement = 4095 - _scaled(ink, 12)
    data = imagecodecs.jpeg8_encode(
        complement, 98, colorspace="cmyk", outcolorspace="cmyk", bitspersample=12
    )
    twelve = _read(data)
    assert eight.pixels.dtype == np.uint8
    assert np.abs(twelve.pixels / 257 - eight.pixels).mean() < 3


@pytest.mark.parametrize(
    ("marker", "bits", "kind"),
    [
        (0xC5, 8, "hierarchical"),
        (0xCD, 8, "hierarchical"),
        (0xCB, 8, "lossless JPEG with arithmetic coding"),
        (0xC0, 10, "10 bits per channel"),
        (0xC2, 16, "16 bits per channel"),
    ],
)
def test_other_kinds_are_refused_by_name(
    blocks: np.ndarray, marker: int, bits: int, kind: str
) -> None:
    data = _with_frame(saved(Image.fromarray(blocks), "jpeg"), marker, bits)
    with pytest.raises(UnreadablePhoto, match=kind) as refusal:
        _read(data)
    assert "cannot be decoded" not in str(refusal.value)


def test_hierarchical_files_and_two_channels_are_refused_by_name(blocks: np.ndarray) -> None:
    data = saved(Image.fromarray(blocks), "jpeg")
    frame = data[data.index(b"\xff\xc0") + 4 :][:15]
    with pytest.raises(UnreadablePhoto, match="a hierarchical JPEG, which is not supported"):
        _read(data[:2] + _segment(0xDE, frame) + data[2:])
    two = imagecodecs.jpeg8_encode(blocks[..., 0].copy()).replace(
        b"\x01\x01\x11\x00", b"\x02\x01\x11\x00\x02\x11\x00", 1
    )
    with pytest.raises(UnreadablePhoto, match="a JPEG of 2 channels"):
        _read(two)


def test_files_of_other_formats_are_refused_by_name(blocks: np.ndarray) -> None:
    video = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"
    for data, name in (
        (imagecodecs.jpeg2k_encode(blocks), "a JPEG 2000 image"),
        (imagecodecs.jpeg2k_encode(blocks, codecformat="j2k"), "a JPEG 2000 image"),
        (imagecodecs.jpegxr_encode(blocks), "a JPEG XR image"),
        (imagecodecs.qoi_encode(blocks), "a QOI image"),
        (saved(Image.fromarray(blocks), "ppm"), "a PNM image"),
        (saved(Image.fromarray(blocks), "pdf"), "a PDF document"),
        (b"8BPS\0\1", "a Photoshop document"),
        (video, "a video, not a photo"),
        (b"hello", "not an image of a supported format"),
    ):
        with pytest.raises(UnreadablePhoto, match=name):
            _read(data)
