"""JPEG XL, against pyjpegxl (another binding of libjxl), brotli, and the pixels that went in."""

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from colour import RGB_COLOURSPACES
from image_files import XMP, exif_of, rgb_profile, saved
from PIL import Image, ImageCms

from cinegan_jax.photos.cicp import profile_of
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import EncodeOptions, encode_photo, output_suffix
from cinegan_jax.photos.formats import jxl
from cinegan_jax.photos.isobmff import box
from cinegan_jax.photos.kinds import kind_of
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.profile_builders import adobe_rgb_profile
from cinegan_jax.photos.profiles import own_colours
from cinegan_jax.photos.read import probe, read_photo

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=10**6)


def _codestream(pixels: np.ndarray, **options: Any) -> bytes:
    file = bytes(imagecodecs.jpegxl_encode(pixels, **{"lossless": True} | options))
    if file.startswith(b"\xff\x0a"):
        return file
    at = file.index(b"jxlc") - 4
    return file[at + 8 : at + int.from_bytes(file[at : at + 4])]


def _turned(codestream: bytes, orientation: int) -> bytes:
    """Set the orientation of a codestream with a header of 8 bits and without extra fields.

    The header starts with the size, then one bit for defaults and one for extra fields
    (ISO/IEC 18181-1, annex D).
    """
    bits = "".join(format(byte, "08b")[::-1] for byte in codestream[2:40])
    size = 1 + 5 + 3 + 5  # both sides are multiples of 8, not in a known ratio
    assert bits[size : size + 2] == "00"
    extra = "1" + format(orientation - 1, "03b")[::-1] + "000"
    end = size + 2 + 3 + 1 + 2 + 1  # depth of 8 bits, modular flag, no extra channels, no XYB
    colours_end = end + (1 if bits[end] == "1" else 0)
    assert colours_end > end, "sRGB is declared by one bit"
    new = bits[: size + 1] + extra + bits[size + 2 : colours_end] + "1" + "00" + "1"
    old_size = -(-(colours_end + 3) // 8)
    new += "0" * (-len(new) % 8)
    packed = bytes(int(new[at : at + 8][::-1], 2) for at in range(0, len(new), 8))
    return codestream[:2] + packed + codestream[2 + old_size :]


def test_eight_and_sixteen_bits(rng: np.random.Generator, tmp_path: Any) -> None:
    pixels = rng.integers(0, 256, (24, 40, 3), np.uint8)
    data = _codestream(pixels)
    photo = _read(data)
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert (photo.source.format, photo.source.bits, photo.source.profile) == ("jxl", 8, None)
    (tmp_path / "a.jxl").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "a.jxl"), pixels)
    assert (probe(data).width, probe(data).height) == (40, 24)
    assert output_suffix(photo) == ".jxl"
    for written in (encode_photo(photo, photo.pixels), data):
        assert kind_of(written) == "jxl"
        np.testing.assert_array_equal(imagecodecs.jpegxl_decode(written), pixels)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_images_keep_their_bits(rng: np.random.Generator, bits: int, channels: int) -> None:
    """imagecodecs declares deep images as linear."""
    levels = rng.integers(0, 2**bits, (24, 40, channels), np.uint16)
    stored = levels[..., 0] if channels == 1 else levels
    photo = _read(_codestream(stored, bitspersample=bits))
    light = np.broadcast_to(levels[..., : 3 if channels > 2 else 1] / (2**bits - 1), (24, 40, 3))
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels / 65535, expected, atol=2.0 ** (1 - bits))
    if channels % 2 == 0:
        np.testing.assert_allclose(photo.alpha / 65535, levels[..., -1] / (2**bits - 1), atol=1e-3)
    again = _read(encode_photo(photo, photo.pixels))
    np.testing.assert_allclose(again.pixels.astype(int), photo.pixels, atol=16)
    assert again.source.bits == 16
    assert again.source.profile == photo.source.profile


def test_floating_point(rng: np.random.Generator) -> None:
    light = rng.uniform(0, 1, (24, 40, 3)).astype(np.float32)
    light[0, 0] = 3.0
    photo = _read(_codestream(light))
    clipped = np.minimum(light, 1)
    expected = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(photo.pixels / 65535, expected, atol=2e-4)
    assert any("clipped" in note for note in photo.source.notes)


def test_first_frame_of_an_animation(blocks: np.ndarray) -> None:
    photo = _read(_codestream(np.stack([blocks, 255 - blocks])))
    np.testing.assert_array_equal(photo.pixels, blocks)
    assert photo.source.notes == ("has several frames; the first is used",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("in_exif", [1, 6])
def test_the_codestream_is_turned_once(
    rng: np.random.Generator, tmp_path: Any, orientation: int, in_exif: int
) -> None:
    """The decoder applies the orientation of the codestream; that of EXIF does not count."""
    pixels = rng.integers(0, 256, (24, 40, 3), np.uint8)
    upright = [
        *(pixels, pixels[:, ::-1], pixels[::-1, ::-1], pixels[::-1]),
        *(pixels.swapaxes(0, 1), np.rot90(pixels, -1)),
        *(np.rot90(pixels, 2).swapaxes(0, 1), np.rot90(pixels)),
    ][orientation - 1]
    exif = exif_of(in_exif).tobytes().removeprefix(b"Exif\0\0")
    plain = _codestream(pixels)
    turned = _turned(plain, orientation)
    np.testing.assert_array_equal(imagecodecs.jpegxl_decode(turned, keeporientation=True), pixels)
    data = SIGNATURE + box(b"Exif", bytes(4) + exif) + box(b"jxlc", turned)
    photo = _read(data)
    np.testing.assert_array_equal(photo.pixels, upright)
    (tmp_path / "a.jxl").write_bytes(data)
    np.testing.assert_array_equal(decode(tmp_path / "a.jxl"), upright)
    tags = Image.Exif()
    tags.load(photo.source.metadata.exif)
    assert (tags[0x0112], tags[0x010F]) == (1, "Camera")


@pytest.mark.parametrize("compressed", [False, True])
def test_metadata_boxes_and_partial_codestreams(blocks: np.ndarray, compressed: bool) -> None:
    stream = _codestream(blocks)
    parts = [("Exif", bytes(4) + exif_of(1).tobytes().removeprefix(b"Exif\0\0"))]
    parts.append(("xml ", XMP.replace(b"ORIENTATION", b"1")))
    boxes = b""
    for name, content in parts:
        kind = name.encode()
        if compressed:
            kind, content = b"brob", kind + bytes(imagecodecs.brotli_encode(content))
        boxes += box(kind, content)
    halves = (struct.pack(">L", 0) + stream[:7], struct.pack(">L", 1 << 31 | 1) + stream[7:])
    data = SIGNATURE + boxes + b"".join(box(b"jxlp", half) for half in halves)
    photo = _read(data)
    np.testing.assert_array_equal(photo.pixels, blocks)
    again = _read(encode_photo(photo, photo.pixels)).source.metadata
    assert b"Camera" in again.exif
    assert b"Rating" in again.xmp


@pytest.mark.parametrize("profile", ["p3", "bt2020", "adobe", "prophoto", "linear", "odd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("quality", [95, 100])
def test_wide_colours_are_written_by_name(
    blocks: np.ndarray, profile: str, dtype: Any, quality: int
) -> None:
    """pyjpegxl reads the colour space that libjxl finds in the file."""
    pyjpegxl = pytest.importorskip("pyjpegxl")
    spaces = {
        "p3": profile_of(12, 13),
        "bt2020": profile_of(9, 1),
        "adobe": adobe_rgb_profile(),
        "prophoto": rgb_profile(RGB_COLOURSPACES["ProPhoto RGB"], 1.8),
        "linear": profile_of(9, 8),
        "odd": rgb_profile(RGB_COLOURSPACES["DCI-P3"], 2.3),
    }
    source = spaces[profile]
    levels = blocks.astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    file = io.BytesIO()
    tifffile.imwrite(file, levels, photometric="rgb", iccprofile=source, metadata=None)
    photo = _read(file.getvalue())
    written = encode_photo(photo, photo.pixels, EncodeOptions("jxl", quality=quality))
    found, pixels = pyjpegxl.decode_to_numpy(written)
    assert pixels.dtype == dtype
    colours = own_colours(found.icc)
    assert (colours is None) == (profile == "odd")
    seen = pixels / np.iinfo(dtype).max if colours is None else colours.to_srgb(pixels) / 65535
    most = 3 / 255 if quality < 100 else 0.002
    assert np.abs(seen - photo.pixels / 65535).mean() < most
    again = _read(written)
    assert np.abs(again.pixels / np.iinfo(again.pixels.dtype).max - seen).mean() < 0.002


def test_an_embedded_profile_is_read(blocks: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that libjxl compresses into the codestream."""
    jpeg = saved(Image.fromarray(blocks), "jpeg", quality=95, icc_profile=adobe_rgb_profile())
    data = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg))
    pytest.importorskip("pyjpegxl")
    photo = _read(data)
    description = ImageCms.getProfileDescription(
        ImageCms.ImageCmsProfile(io.BytesIO(photo.source.profile))
    )
    assert "Adobe" in description
    expected = own_colours(adobe_rgb_profile()).to_srgb(np.asarray(Image.open(io.BytesIO(jpeg))))
    assert np.abs(photo.pixels - expected.astype(float)).mean() < 2 * 257
    monkeypatch.setattr(jxl, "pyjpegxl", None)
    with pytest.raises(UnreadablePhoto, match=r"with an ICC profile; .*pip install '\.\[jxl\]'"):
        _read(data)


def test_a_recompressed_jpeg_is_written_lossy(blocks: np.ndarray) -> None:
    jpeg = saved(Image.fromarray(blocks), "jpeg", quality=95)
    photo = _read(bytes(imagecodecs.jpegxl_encode_jpeg(jpeg)))
    assert np.abs(photo.pixels - np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)).mean() < 2
    assert not photo.source.coding.lossless


@pytest.mark.parametrize("alpha", [False, True])
def test_quality_sets_the_loss(rng: np.random.Generator, alpha: bool) -> None:
    pixels = rng.integers(0, 256, (64, 64, 4 if alpha else 3), np.uint8)
    photo = _read(_codestream(pixels))
    sizes = [
        len(encode_photo(photo, photo.pixels, EncodeOptions(quality=q))) for q in (20, 60, 90, 100)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 1.5
    exact = _read(encode_photo(photo, photo.pixels, EncodeOptions(quality=100)))
    np.testing.assert_array_equal(exact.pixels, pixels[..., :3])
    if alpha:
        np.testing.assert_array_equal(exact.alpha, pixels[..., 3])


def test_damaged_files_are_refused(blocks: np.ndarray, rng: np.random.Generator) -> None:
    data = _codestream(blocks)
    for length in (2, 3, 20, len(data) // 2):
        with pytest.raises(UnreadablePhoto, match=r"^photo: "):
            _read(data[:length])
    with pytest.raises(UnreadablePhoto):
        _read(SIGNATURE + box(b"Exif", bytes(20)))
    refused = 0
    for _ in range(40):
        damaged = bytearray(data)
        for at in rng.integers(2, 60, 3):
            damaged[at] = rng.integers(256)
        try:
            _read(bytes(damaged))
        except UnreadablePhoto:
            refused += 1
    assert refused > 10


def test_size_is_limited_before_decoding() -> None:
    data = _codestream(np.zeros((1000, 2000), np.uint8), effort=1)
    with pytest.raises(UnreadablePhoto, match="2000 x 1000"):
        _read(data)
