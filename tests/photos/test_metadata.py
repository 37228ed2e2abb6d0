"""EXIF, XMP and IPTC through every format, seen with Pillow, tifffile and exiv2 as readers."""

import io
from typing import Any

import exiv2
import numpy as np
import pytest
import tifffile
from image_files import XMP, exif_of, reread, saved
from PIL import Image, ImageOps

from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.metadata import Metadata, orientation, readable_parts, upright
from cinegan_jax.photos.read import read_photo

IPTC = b"\x1c\x02\x78\x00\x05Hello"
"""One record: caption (2:120)."""


def _through(data: bytes, format: str | None = None) -> bytes:
    photo = read_photo(data, max_pixels=10**6)
    return encode_photo(photo, photo.pixels, EncodeOptions(format=format))


def _seen_by_exiv2(data: bytes) -> Any:
    image = exiv2.ImageFactory.open(data)
    image.readMetadata()
    exif = {datum.key(): str(datum.value()) for datum in image.exifData()}
    xmp = {datum.key(): str(datum.value()) for datum in image.xmpData()}
    return exif, xmp, [datum.toString() for datum in image.iptcData()]


@pytest.fixture
def jpeg(blocks: np.ndarray) -> bytes:
    """A JPEG as a phone writes it: sideways, with all three kinds of metadata."""
    block = b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4) + IPTC
    segment = b"Photoshop 3.0\0" + block
    return saved(
        Image.fromarray(blocks),
        "jpeg",
        exif=exif_of(6, width=48, height=32).tobytes(),
        xmp=XMP.replace(b"ORIENTATION", b"6"),
        extra=b"\xff\xed" + (len(segment) + 2).to_bytes(2) + segment,
        dpi=(240, 240),
        quality=95,
    )


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
def test_metadata_is_kept_and_made_true(jpeg: bytes, format: str) -> None:
    written = _through(jpeg, format)
    exif, xmp, iptc = _seen_by_exiv2(written)
    assert exif["Exif.Image.Make"] == "Camera"
    assert exif["Exif.Image.Orientation"] == "1"
    assert exif["Exif.Photo.DateTimeOriginal"] == "2024:05:06 07:08:09"
    assert (exif["Exif.Photo.PixelXDimension"], exif["Exif.Photo.PixelYDimension"]) == ("32", "48")
    assert exif["Exif.GPSInfo.GPSLatitudeRef"] == "N"
    assert xmp["Xmp.tiff.Orientation"] == "1"
    assert xmp["Xmp.xmp.Rating"] == "4"
    if format == "webp":
        assert xmp["Xmp.dc.description"] == 'lang="x-default" Hello'
    else:
        assert iptc == ["Hello"]
    image = reread(written)
    assert image.size == (32, 48)
    assert ImageOps.exif_transpose(image).size == (32, 48)


@pytest.mark.parametrize("format", ["avif", "heic"])
def test_metadata_in_newer_formats(jpeg: bytes, format: str) -> None:
    if format == "heic":
        pytest.importorskip("pillow_heif")
    photo = read_photo(_through(jpeg, format), max_pixels=10**6)
    assert photo.pixels.shape == (48, 32, 3)
    exif = Image.Exif()
    exif.load(photo.source.metadata.exif)
    assert exif[0x010F] == "Camera"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert b"Rating" in photo.source.metadata.xmp


def test_resolution_is_kept(jpeg: bytes) -> None:
    assert reread(_through(jpeg)).info["dpi"] == (240, 240)
    assert reread(_through(jpeg, "png")).info["dpi"] == pytest.approx((240, 240), abs=0.02)
    with tifffile.TiffFile(io.BytesIO(_through(jpeg, "tiff"))) as tiff:
        assert tiff.pages[0].resolution == (240, 240)


def test_the_thumbnail_of_the_undeveloped_photo_goes(blocks: np.ndarray) -> None:
    exif = exif_of(1)
    thumbnail = saved(Image.fromarray(blocks).resize((16, 12)), "jpeg")
    data = saved(Image.fromarray(blocks), "jpeg", exif=exif.tobytes())
    with_thumbnail = exiv2.ImageFactory.open(data)
    with_thumbnail.readMetadata()
    exiv2.ExifThumb(with_thumbnail.exifData()).setJpegThumbnail(thumbnail)
    with_thumbnail.writeMetadata()
    file = with_thumbnail.io()
    file.open()
    data = bytes(file.data())
    assert any(key.startswith("Exif.Thumbnail") for key in _seen_by_exiv2(data)[0])
    written = _through(data)
    assert not any(key.startswith("Exif.Thumbnail") for key in _seen_by_exiv2(written)[0])
    assert thumbnail not in written


def test_metadata_that_describes_the_old_file_is_dropped(blocks: np.ndarray) -> None:
    """Compression and strips of a TIFF say nothing of the JPEG that is made of it."""
    data = saved(Image.fromarray(blocks), "tiff", exif=exif_of(3).tobytes())
    exif, _, _ = _seen_by_exiv2(_through(data, "jpeg"))
    assert exif["Exif.Image.Make"] == "Camera"
    assert not {"Exif.Image.Compression", "Exif.Image.StripOffsets"} & set(exif)


def test_orientation_by_xmp_alone() -> None:
    packet = XMP.replace(b"ORIENTATION", b"8")
    assert orientation(Metadata(xmp=packet)) == 8
    assert orientation(Metadata(exif_of(3).tobytes(), packet)) == 3
    assert orientation(Metadata()) == 1


def test_a_note_of_srgb() -> None:
    exif = exif_of(1)
    exif.get_ifd(0x8769)[0xA001] = 65535
    seen = Image.Exif()
    seen.load(upright(Metadata(exif.tobytes()), 1, 5, 4, srgb=True).metadata.exif)
    assert seen.get_ifd(0x8769)[0xA001] == 1


@pytest.mark.parametrize(
    "damaged",
    [
        Metadata(exif=b"no exif"),
        Metadata(exif=b"II*\0\xff\xff\xff\xff"),
        Metadata(xmp=b"<x:xmpmeta <<"),
        Metadata(exif=exif_of(1).tobytes(), xmp=b"<"),
    ],
)
def test_damaged_metadata_is_left_out_with_a_note(damaged: bytes) -> None:
    sound, notes = readable_parts(damaged)
    assert len(notes) == 1
    assert sound.xmp == b""
    assert readable_parts(sound) == (sound, ())


def test_a_damaged_exif_does_not_stop_a_photo(blocks: np.ndarray) -> None:
    photo = read_photo(
        saved(Image.fromarray(blocks), "webp", lossless=True, exif=b"damaged"), max_pixels=10**6
    )
    np.testing.assert_array_equal(photo.pixels, blocks)
    assert "metadata" in photo.source.notes[0]
