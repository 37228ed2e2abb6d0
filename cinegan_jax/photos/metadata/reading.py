"""Validation of a file's metadata, and what the decoder needs of it."""

import contextlib
import re
from dataclasses import replace

from PIL import ExifTags, Image

from cinegan_jax.photos.metadata.blocks import DAMAGED, Metadata
from cinegan_jax.photos.metadata.exiv import EXIV2, edited, opened

_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def readable_parts(metadata: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    """Return the metadata without its unreadable parts, and a note where there are any."""
    found = metadata
    if metadata.exif and not _is_sound(Metadata(metadata.exif)):
        found = replace(found, exif=b"")
    if metadata.xmp and not _is_sound(Metadata(b"", metadata.xmp)):
        found = replace(found, xmp=b"")
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
    with EXIV2:
        image = opened(metadata)
        exif = image.exifData()
        key = "Exif.Iop.InteroperabilityIndex"
        return key in exif and exif[key].toString().startswith("R03")


def _is_sound(metadata: Metadata) -> bool:
    """Return True if exiv2 finds entries in the metadata and can write them."""
    try:
        with EXIV2:
            image = opened(metadata)
            if image.exifData().empty() and image.xmpData().empty():
                return False
        edited(metadata, lambda exif, xmp: None)
    except Exception:  # exiv2 raises many types for damaged bytes
        return False
    return True
