"""EXIF, XMP, IPTC and texts: read, made true for the developed photo, and fitted to its format."""

from cinegan_jax.photos.metadata.blocks import (
    DAMAGED,
    FileMetadata,
    Metadata,
    PhotoshopBlock,
    Text,
    left_out,
)
from cinegan_jax.photos.metadata.exiv import from_file, with_exif
from cinegan_jax.photos.metadata.reading import is_adobe_rgb, orientation, readable_parts
from cinegan_jax.photos.metadata.upright import at_new_size, upright

__all__ = [
    "DAMAGED",
    "FileMetadata",
    "Metadata",
    "PhotoshopBlock",
    "Text",
    "at_new_size",
    "from_file",
    "is_adobe_rgb",
    "left_out",
    "orientation",
    "readable_parts",
    "upright",
    "with_exif",
]
