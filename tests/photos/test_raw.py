"""Camera RAW, from a DNG that is made here."""

import io

import exiv2
import numpy as np
import pytest
import tifffile
from image_files import reread

from cinegan_jax.photos.encode import EncodeOptions, encode_photo, output_suffix
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.read import read_photo

pytest.importorskip("rawpy")
CFA = 32803


def _dng(sensor: np.ndarray) -> bytes:
    """Adobe's DNG 1.4 with an RGGB sensor of 12 bits, held sideways (orientation 6)."""
    xyz_to_camera = [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570]
    matrix = [part for value in xyz_to_camera for part in (round(value * 10000), 10000)]
    tags = [
        (271, 2, 6, "Canon", True),
        (272, 2, 5, "Test", True),
        (274, 3, 1, 6, True),
        (33421, 3, 2, (2, 2), True),  # the pattern's size and colours
        (33422, 1, 4, b"\0\1\1\2", True),
        (50706, 1, 4, b"\1\4\0\0", True),  # DNG version
        (50714, 3, 1, 64, True),  # black
        (50717, 3, 1, 4095, True),  # white
        (50721, 10, 9, matrix, True),
        (50728, 5, 3, [1, 1, 1, 1, 1, 1], True),  # neutral
        (50778, 3, 1, 21, True),  # D65
    ]
    file = io.BytesIO()
    tifffile.imwrite(file, sensor, photometric=CFA, metadata=None, software=False, extratags=tags)
    return file.getvalue()


@pytest.fixture
def dng() -> bytes:
    sensor = np.full((64, 96), 400, np.uint16)
    sensor[:, 48:] = 3000  # the right half, which is the lower one when seen upright
    return _dng(sensor)


def test_raw_is_developed_upright_with_sixteen_bits(dng: bytes) -> None:
    photo = read_photo(dng, max_pixels=10**6)
    assert photo.source.format == "raw"
    assert photo.pixels.dtype == np.uint16
    height, width, _ = photo.pixels.shape
    assert height > width
    upper, lower = photo.pixels[: height // 2 - 4], photo.pixels[height // 2 + 4 :]
    assert lower.mean() > 2 * upper.mean()


def test_raw_becomes_jpeg_unless_asked(dng: bytes) -> None:
    photo = read_photo(dng, max_pixels=10**6)
    assert output_suffix(photo) == ".jpg"
    jpeg = encode_photo(photo, photo.pixels)
    image = reread(jpeg)
    assert image.format == "JPEG"
    assert image.getexif()[0x010F] == "Canon"
    seen = exiv2.ImageFactory.open(jpeg)
    seen.readMetadata()
    keys = {datum.key() for datum in seen.exifData()}
    assert not any(key.startswith("Exif.SubImage") or "DNG" in key for key in keys)
    tiff = encode_photo(photo, photo.pixels, EncodeOptions("tiff"))
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(tiff)), photo.pixels)


def test_raw_is_limited_before_decoding_and_damage_is_reported(dng: bytes) -> None:
    with pytest.raises(UnreadablePhoto, match="megapixels"):
        read_photo(dng, max_pixels=1000)
    with pytest.raises(UnreadablePhoto, match="cannot be decoded: Input/output error"):
        read_photo(dng[: len(dng) // 2], max_pixels=10**6)
