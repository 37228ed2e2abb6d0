"""EXIF and XMP, read and edited by exiv2."""

import io
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import exiv2
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from cinegan_jax.photos.metadata.bigtiff import as_classic, is_bigtiff
from cinegan_jax.photos.metadata.blocks import DAMAGED, FileMetadata, Metadata, left_out
from cinegan_jax.photos.metadata.file_tags import DNG_PRIVATE_DATA, is_file_tag, lost_tag

logging.getLogger("exiv2").addHandler(logging.NullHandler())  # otherwise its warnings go to stderr

EXIV2 = threading.RLock()
"""Guards exiv2, whose XMP parser is not thread-safe."""

RESOLUTION = ("Exif.Image.XResolution", "Exif.Image.YResolution", "Exif.Image.ResolutionUnit")
"""EXIF keys of the resolution, which is carried as `dpi` instead."""
_MAKER_GROUPS = re.compile(r"Exif\.(?!Image\.|Photo\.|GPSInfo\.|Iop\.|Thumbnail\.)")


def edited(metadata: Metadata, change: Callable[[Any, Any], None]) -> Metadata:
    """Return the metadata after `change(exif, xmp)`, which edits exiv2's data in place."""
    with EXIV2:
        image = opened(metadata)
        exif, xmp = image.exifData(), image.xmpData()
        change(exif, xmp)
        written = _exif_bytes(exif, image.byteOrder())
        return replace(metadata, exif=written, xmp=_packet(xmp))


def opened(metadata: Metadata) -> Any:
    """Return an exiv2 image of one pixel with this metadata, in WebP, which has no size limit.

    The caller holds `EXIV2`, and the image as long as its data.
    """
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "webp", exif=metadata.exif, xmp=metadata.xmp)
    image = exiv2.ImageFactory.open(file.getvalue())
    image.readMetadata()
    return image


def from_file(data: bytes) -> FileMetadata:
    """Read EXIF and XMP of a TIFF or RAW file.

    Tags that describe how the file stores its pixels, and settings to develop a RAW file, are left
    out.
    """
    try:
        with EXIV2:
            source = exiv2.ImageFactory.open(as_classic(data) if is_bigtiff(data) else data)
            source.readMetadata()
            exif, xmp = source.exifData(), source.xmpData()
            notes = left_out(_lost(exif, xmp))
            remove(exif, (key for key in keys(exif) if is_file_tag(key, exif[key].tag())))
            remove(exif, RESOLUTION)
            remove(xmp, (key for key in keys(xmp) if key.startswith("Xmp.crs.")))
            written = _exif_bytes(exif, source.byteOrder())
            return FileMetadata(Metadata(written, _packet(xmp)), notes)
    except Exception:  # exiv2 raises many types for damaged bytes
        return FileMetadata(Metadata(), (DAMAGED,))


def with_exif(tiff: bytes, exif: bytes) -> bytes:
    """Return a copy of the TIFF file `tiff` with `exif` added."""
    with EXIV2:
        target = exiv2.ImageFactory.open(tiff)
        target.readMetadata()
        source = opened(Metadata(exif))
        exif_data, added = target.exifData(), source.exifData()
        remove(exif_data, keys(added))
        for datum in added:
            exif_data.add(datum)
        return _written(target)


def xmp_of(packet: bytes) -> Any:
    """Return a copy of exiv2's data of an XMP packet; the caller holds `EXIV2`."""
    image = opened(Metadata(xmp=packet))  # its data ends with it
    stored, copied = image.xmpData(), exiv2.XmpData()
    for datum in stored:
        copied.add(datum)
    return copied


def serialised(xmp: Any, wrapped: bool) -> bytes:
    """Return exiv2's data as XML without padding, with or without its packet wrapper."""
    flags = exiv2.XmpParser.XmpFormatFlags
    compact = flags.useCompactFormat | (0 if wrapped else flags.omitPacketWrapper)
    _, text = exiv2.XmpParser.encode(xmp, compact, 1)
    return str(text).encode()


def keys(data: Any) -> list[str]:
    """Return the keys of exiv2's data in their order."""
    return [datum.key() for datum in data]


def remove(data: Any, unwanted: Iterable[str]) -> None:
    """Delete every entry with one of these keys."""
    for key in set(unwanted):
        while key in data:
            del data[key]


def keys_within(data: Any, name: str) -> list[str]:
    """Return the key of a property and of everything in it."""
    return [key for key in keys(data) if key == name or key.startswith((f"{name}/", f"{name}["))]


def entry_of(key: str) -> str:
    """Return the key of the EXIF entry that a key belongs to: parts of a maker note are one."""
    return "Exif.Photo.MakerNote" if _MAKER_GROUPS.match(key) else key


def _lost(exif: Any, xmp: Any) -> Iterator[str]:
    if DNG_PRIVATE_DATA in exif:
        yield "the maker's private data of a DNG"
    for key in keys(exif):
        if name := lost_tag(key, exif[key].tag(), is_dng="Exif.Image.DNGVersion" in exif):
            yield name
    if any(key.startswith("Xmp.crs.") for key in keys(xmp)):
        yield "settings of Camera Raw"


def _exif_bytes(exif: Any, order: Any) -> bytes:
    """Return EXIF data as a TIFF structure of any size.

    exiv2 writes a TIFF for this: for other formats it drops entries without a word where all of
    them do not fit into a segment of a JPEG.
    """
    if exif.empty():
        return b""
    image = exiv2.ImageFactory.open(_empty_tiff(exif, order))
    image.readMetadata()
    image.setExifData(exif)
    return _written(image)


def _empty_tiff(exif: Any, order: Any) -> bytes:
    """Return a TIFF with the resolution alone, which exiv2 keeps but does not add."""
    tags = Image.Exif()
    tags.endian = "<" if order == exiv2.ByteOrder.littleEndian else ">"
    tags[ExifTags.Base.Orientation] = 1
    for key in RESOLUTION:
        if key in exif:
            tags[exif[key].tag()] = _resolution(exif[key])
    return tags.tobytes().removeprefix(b"Exif\0\0")


def _resolution(datum: Any) -> IFDRational | int:
    if datum.typeId() != exiv2.TypeId.unsignedRational:
        return int(datum.toInt64())
    return IFDRational(*datum.toRational(0))


def _packet(xmp: Any) -> bytes:
    return b"" if xmp.empty() else serialised(xmp, wrapped=True)


def _written(image: Any) -> bytes:
    image.writeMetadata()
    file = image.io()
    file.open()
    try:
        return bytes(file.data())
    finally:
        file.close()
