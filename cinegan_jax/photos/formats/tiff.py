"""TIFF 6.0 and BigTIFF, by tifffile; written with 8 and 16 bits per channel.

Pillow is not used, since it reduces 16-bit colour to 8 bits.
"""

import io
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import tifffile
from PIL import ExifTags, Image
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffPage

from cinegan_jax.photos import metadata as metadata_of
from cinegan_jax.photos.alpha import multiplied_by_alpha
from cinegan_jax.photos.container_limits import check_tiff
from cinegan_jax.photos.formats.registry import module_of
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.metadata.photoshop import parse_resources, resources
from cinegan_jax.photos.photo import FileMetadata, OpenedImage, StoredImage, TiffCoding
from cinegan_jax.photos.pillow_image import joined
from cinegan_jax.photos.profile_builders import srgb_profile
from cinegan_jax.photos.tiff_samples import read_samples

logging.getLogger("tifffile").addHandler(
    logging.NullHandler()
)  # otherwise its warnings go to stderr

_SENSOR = (PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW)
_DNG_VERSION, _XMP, _IPTC, _PHOTOSHOP = 50706, 700, 33723, 34377
_KEPT = (COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.ZSTD)
"""Compressions that are kept when writing; others are replaced by deflate, also lossless."""
_PLACES = ("ImageWidth", "ImageLength", "RowsPerStrip", "StripOffsets", "StripByteCounts")
_LONG = 4
_IPTC_MARKER = b"\x1c"
_STRIP_BYTES = 1 << 20
_CENTIMETRE = 3


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a TIFF file, or of a RAW file that is built like one."""
    check_tiff(data)
    file = TiffFile(io.BytesIO(data))
    page = file.pages.first
    if data[8:10] == b"CR" or _has_sensor_data(page):
        opened: OpenedImage = module_of("raw").open_file(data)
        return opened

    def decode() -> StoredImage:
        return _decoded(file, page, data)

    def read_metadata(image: StoredImage) -> FileMetadata:
        found, notes = metadata_of.from_file(data)
        exif = found.exif or image.metadata.exif  # at least the orientation
        return FileMetadata(replace(image.metadata, exif=exif), notes)

    return OpenedImage("tiff", page.imagewidth, page.imagelength, decode, read_metadata)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a TIFF file in the source's compression if that is lossless; ignores `quality`."""
    coding = image.coding if isinstance(image.coding, TiffCoding) else None
    compression = coding.compression if coding else COMPRESSION.ADOBE_DEFLATE
    if compression not in _KEPT:
        compression = COMPRESSION.ADOBE_DEFLATE
    associated = coding is not None and coding.associated_alpha
    if image.alpha is not None and associated:
        image = replace(image, samples=multiplied_by_alpha(image.samples, image.alpha))
    samples = joined(image)
    options: dict[str, Any] = {
        "photometric": "minisblack" if image.space == "GRAY" else "rgb",
        "planarconfig": None if samples.ndim == 2 else "contig",
        "extrasamples": _extra_samples(image, associated),
        "compression": compression,
        "predictor": compression != COMPRESSION.NONE,
        "metadata": None,
        "software": False,
    }
    file = io.BytesIO()
    file.write(_one_pixel(image, samples[:1, :1], options))
    file.seek(0)
    rows = max(1, _STRIP_BYTES // samples[:1].nbytes)
    tifffile.imwrite(file, samples, rowsperstrip=rows, append=True, **options)
    _join_pages(file)
    return file.getvalue()


def _extra_samples(image: StoredImage, associated: bool) -> list[str] | None:
    if image.alpha is None:
        return None
    return ["assocalpha" if associated else "unassalpha"]


def _one_pixel(image: StoredImage, pixel: np.ndarray, options: dict[str, Any]) -> bytes:
    """Return a TIFF of one pixel with the image's profile and metadata.

    exiv2 adds EXIF and copies the whole file several times, so it gets a small one.
    """
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixel,
        iccprofile=image.profile,
        resolution=image.dpi,
        resolutionunit="inch" if image.dpi else None,
        extratags=_extra_tags(image.metadata),
        **options,
    )
    exif = image.metadata.exif
    return metadata_of.with_exif(file.getvalue(), exif) if exif else file.getvalue()


def _join_pages(file: io.BytesIO) -> None:
    """Give the first page the pixels of the second, and unlink the second."""
    file.seek(0)
    with TiffFile(file, mode="r+") as tiff:
        first, second = tiff.pages.first, tiff.pages[1]
        for name in _PLACES:
            value = second.tags[name].value  # type: ignore[union-attr]
            first.tags[name].overwrite(value, dtype=_LONG)
        entries = int.from_bytes(_at(file, first.offset, 2), "little")
        file.seek(first.offset + 2 + 12 * entries)
        file.write(bytes(4))


def _at(file: io.BytesIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _has_sensor_data(page: TiffPage) -> bool:
    if _DNG_VERSION in page.tags or page.photometric in _SENSOR:
        return True
    return any(isinstance(sub, TiffPage) and sub.photometric in _SENSOR for sub in page.pages or ())


def _decoded(file: TiffFile, page: TiffPage, data: bytes) -> StoredImage:
    found = read_samples(page, data)
    return StoredImage(
        found.samples,
        "RGB" if found.space == "LAB" else found.space,
        found.alpha,
        profile=srgb_profile() if found.space == "LAB" else page.iccprofile,
        metadata=_metadata(page, data),
        dpi=_dpi(page),
        coding=TiffCoding(int(page.compression), int(page.predictor), found.associated_alpha),
        notes=_notes(file) + found.notes,
    )


def _orientation_exif(page: TiffPage) -> bytes:
    """Return EXIF that holds the page's orientation alone; all of it is slow to read."""
    tag = page.tags.get(ExifTags.Base.Orientation)
    if tag is None:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = tag.value
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _metadata(page: TiffPage, data: bytes) -> Metadata:
    in_photoshop, blocks = parse_resources(_bytes(page, _PHOTOSHOP, data))
    return Metadata(
        _orientation_exif(page),
        _bytes(page, _XMP, data),
        _iptc(_bytes(page, _IPTC, data)) or in_photoshop,
        blocks,
    )


def _bytes(page: TiffPage, code: int, data: bytes) -> bytes:
    """Return the bytes of a tag's value, whatever its type: IPTC is often stored as numbers."""
    tag = page.tags.get(code)
    return b"" if tag is None else data[tag.valueoffset : tag.valueoffset + tag.valuebytecount]


def _iptc(stored: bytes) -> bytes:
    """Return IPTC records; some programs reverse the bytes of each number of four."""
    if stored[3:4] == _IPTC_MARKER and stored[:1] != _IPTC_MARKER:
        words = np.frombuffer(stored[: len(stored) // 4 * 4], ">u4")
        return words.astype("<u4").tobytes()
    return stored


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    if page.resolutionunit not in (2, _CENTIMETRE):
        return None
    x, y = page.resolution
    scale = 2.54 if page.resolutionunit == _CENTIMETRE else 1.0
    return x * scale, y * scale


def _notes(file: TiffFile) -> tuple[str, ...]:
    try:
        second = file.pages[1]
    except IndexError:
        return ()
    if isinstance(second, TiffPage) and second.is_reduced:
        return ()
    return ("has several pages; the first is used",)


def _extra_tags(metadata: Metadata) -> list[tuple[int, int, int, bytes, bool]]:
    blocks = resources(b"", metadata.photoshop)
    tags = ((_XMP, 1, metadata.xmp), (_IPTC, 7, metadata.iptc), (_PHOTOSHOP, 1, blocks))
    return [(code, kind, len(value), value, True) for code, kind, value in tags if value]
