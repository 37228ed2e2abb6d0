"""EXIF, XMP and IPTC metadata: read, validated, and updated for the developed photo."""

import contextlib
import io
import logging
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import exiv2
from PIL import ExifTags, Image

from cinegan_jax.photos.riff import riff_chunks

logging.getLogger("exiv2").addHandler(logging.NullHandler())  # otherwise its warnings go to stderr

DAMAGED = "part of its metadata cannot be read and is left out"
"""Note for a photo whose metadata is damaged."""

_EXIV2 = threading.Lock()
"""Guards exiv2, whose XMP parser is not thread-safe."""

_FILE_TAGS = frozenset(
    (
        *range(0x00FE, 0x0100),  # kind of image in the file
        *(0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0107, 0x0108, 0x0109, 0x010A),
        *(0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011C, 0x0120, 0x0121, 0x0122, 0x0123),
        *(0x0124, 0x0125, 0x012D, 0x013D, 0x013E, 0x013F, 0x0140, 0x0141, 0x0142, 0x0143, 0x0144),
        *(0x0145, 0x014A, 0x014C, 0x0152, 0x0153, 0x0154, 0x0155, 0x015B),
        *range(0x0200, 0x020A),  # JPEG tables and thumbnails
        *(0x0211, 0x0212, 0x0213, 0x0214),  # YCbCr
        *(0x02BC, 0x83BB, 0x8649, 0x8773, 0x935C),  # XMP, IPTC, Photoshop's blocks, ICC
        *(0x828D, 0x828E, 0x9216, 0x9217),  # colour filters of a sensor
    )
)
"""Tags of the first directory that describe how a TIFF or RAW file stores its pixels."""

_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_FIRST_DNG_TAG = 0xC612
_FILE_GROUPS = ("SubImage", "SubThumb", "Thumbnail", "Image2", "Image3", "PanasonicRaw", "MpfInfo")
_RESOLUTION = ("Exif.Image.XResolution", "Exif.Image.YResolution", "Exif.Image.ResolutionUnit")
"""EXIF keys of the resolution, which is carried as `dpi` instead."""
_STALE_XMP = ("Xmp.xmp.Thumbnails", "Xmp.xmpNote.HasExtendedXMP")


@dataclass(frozen=True)
class Metadata:
    """Metadata blocks in the form in which image files embed them."""

    exif: bytes = b""
    """TIFF structure, without the prefix `Exif\\0\\0`."""
    xmp: bytes = b""
    """XMP packet: XML in UTF-8."""
    iptc: bytes = b""
    """IPTC-IIM records."""


def readable_parts(metadata: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    """Return the metadata without its unreadable parts, and a note where there are any."""
    exif, xmp, iptc = metadata.exif, metadata.xmp, metadata.iptc
    if exif and not _is_sound(Metadata(exif)):
        exif = b""
    if xmp and not _is_sound(Metadata(b"", xmp)):
        xmp = b""
    found = Metadata(exif, xmp, iptc)
    return found, () if found == metadata else (DAMAGED,)


def orientation(metadata: Metadata) -> int:
    """Return the orientation of the camera, 1..8 (EXIF 2.32, tag 0x0112); 1 where none is stored.

    EXIF takes precedence over XMP. Pillow reads it, without exiv2's lock: training decodes in
    several threads.
    """
    if not metadata.exif and not metadata.xmp:
        return 1
    tags = Image.Exif()
    with contextlib.suppress(Exception):  # Pillow raises many types for damaged bytes
        tags.load(metadata.exif)
    if ExifTags.Base.Orientation in tags:
        value = tags[ExifTags.Base.Orientation]
    else:
        found = _XMP_ORIENTATION.search(metadata.xmp)
        value = int(found[1]) if found else 1
    return value if value in range(1, 9) else 1


def is_adobe_rgb(metadata: Metadata) -> bool:
    """Return True if EXIF declares Adobe RGB without a profile (DCF 2.0, `R03`)."""
    if b"R03" not in metadata.exif:
        return False
    with _EXIV2:
        exif = _opened(metadata).exifData()
        key = "Exif.Iop.InteroperabilityIndex"
        return key in exif and exif[key].toString().startswith("R03")


def upright(metadata: Metadata, width: int, height: int, srgb: bool) -> Metadata:
    """Update metadata for an image that is upright and has `width` by `height` pixels.

    Thumbnails are removed, since they show the original photo, and so are tags that only describe
    how a file stores its pixels. With `srgb`, the colour space is set to sRGB.
    """
    if not metadata.exif and not metadata.xmp:
        return metadata
    with _EXIV2:
        image = _opened(metadata)
        exif, xmp = image.exifData(), image.xmpData()
        exiv2.ExifThumb(exif).erase()
        _remove(exif, (key for key in _keys(exif) if _is_file_tag(exif, key)))
        _remove(xmp, (key for key in _keys(xmp) if key.startswith(_STALE_XMP)))
        size = {"PixelXDimension": width, "PixelYDimension": height}
        turn = {"Orientation": 1}
        _replace(exif, "Exif.Image.", turn, exiv2.UShortValue)
        _replace(exif, "Exif.Photo.", size, exiv2.ULongValue)
        _replace(xmp, "Xmp.exif.", size, _text)
        _replace(xmp, "Xmp.tiff.", turn | {"ImageWidth": width, "ImageLength": height}, _text)
        if srgb:
            _replace(exif, "Exif.Photo.", {"ColorSpace": 1}, exiv2.UShortValue)
            _replace(xmp, "Xmp.exif.", {"ColorSpace": 1}, _text)
            _remove(exif, [key for key in _keys(exif) if key.startswith("Exif.Iop.")])
        return _blobs(image, metadata.iptc)


def from_file(data: bytes) -> Metadata | None:
    """Read EXIF and XMP of a TIFF or RAW file; None if they are damaged.

    Tags that describe how the file stores its pixels, and development settings, are left out.
    """
    try:
        with _EXIV2:
            source = exiv2.ImageFactory.open(data)
            source.readMetadata()
            exif, xmp = source.exifData(), source.xmpData()
            _remove(exif, (key for key in _keys(exif) if _is_file_tag(exif, key)))
            _remove(exif, _RESOLUTION)
            _remove(xmp, (key for key in _keys(xmp) if key.startswith("Xmp.crs.")))
            image = _opened(Metadata())
            image.setExifData(exif)
            image.setXmpData(xmp)
            return _blobs(image, b"")
    except Exception:  # exiv2 raises many types for damaged bytes
        return None


def with_exif(tiff: bytes, exif: bytes) -> bytes:
    """Return a copy of the TIFF file `tiff` with `exif` added."""
    with _EXIV2:
        target = exiv2.ImageFactory.open(tiff)
        target.readMetadata()
        source = _opened(Metadata(exif))
        exif_data = target.exifData()
        added = source.exifData()
        _remove(exif_data, _keys(added))
        for datum in added:
            exif_data.add(datum)
        return _written(target)


def _is_sound(metadata: Metadata) -> bool:
    """Return True if exiv2 finds entries in the metadata and can write them."""
    try:
        with _EXIV2:
            image = _opened(metadata)
            if image.exifData().empty() and image.xmpData().empty():
                return False
        upright(metadata, 1, 1, srgb=True)
    except Exception:  # exiv2 raises many types for damaged bytes
        return False
    return True


def _text(value: int) -> Any:
    return exiv2.XmpTextValue(str(value))


def _opened(metadata: Metadata) -> Any:
    """Return an exiv2 image of one pixel with this metadata, in WebP, which has no size limit."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "webp", exif=metadata.exif, xmp=metadata.xmp)
    image = exiv2.ImageFactory.open(file.getvalue())
    image.readMetadata()
    return image


def _blobs(image: Any, iptc: bytes) -> Metadata:
    chunks = dict(riff_chunks(_written(image)))
    return Metadata(chunks.get(b"EXIF", b""), chunks.get(b"XMP ", b""), iptc)


def _written(image: Any) -> bytes:
    image.writeMetadata()
    file = image.io()
    file.open()
    try:
        return bytes(file.data())
    finally:
        file.close()


def _keys(data: Any) -> list[str]:
    return [datum.key() for datum in data]


def _remove(data: Any, keys: Iterable[str]) -> None:
    for key in set(keys):
        while key in data:
            del data[key]


def _replace(data: Any, prefix: str, values: dict[str, int], kind: Any) -> None:
    for name, value in values.items():
        if prefix + name in data:
            data[prefix + name] = kind(value)


def _is_file_tag(exif: Any, key: str) -> bool:
    """Return True if a tag describes the file rather than the photo."""
    group = key.split(".")[1]
    if group.startswith(_FILE_GROUPS):
        return True
    tag = exif[key].tag()
    return group == "Image" and (tag in _FILE_TAGS or tag >= _FIRST_DNG_TAG)
