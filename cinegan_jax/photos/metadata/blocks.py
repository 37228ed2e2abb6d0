"""Data types of metadata, independent of the file format that holds it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

DAMAGED = "part of its metadata cannot be read and is left out"
"""Note for a photo whose metadata is damaged."""

CREDENTIALS = "content credentials (C2PA), which hold for the original file only"


class Text(NamedTuple):
    """Text with a keyword, as PNG stores them; comments of JPEG and GIF have one too."""

    keyword: str
    content: str
    language: str = ""
    translated: str = ""
    """The keyword in that language."""


COMMENT = "Comment"
"""Keyword of a comment (PNG specification, 11.3.3.2)."""


class PhotoshopBlock(NamedTuple):
    """Image resource of Photoshop (`8BIM`), other than IPTC."""

    number: int
    name: bytes
    """Name as Pascal string without its length."""
    content: bytes


class Chunk(NamedTuple):
    """Ancillary chunk of a PNG that may be copied to another PNG."""

    name: bytes
    content: bytes


@dataclass(frozen=True)
class Metadata:
    """Metadata blocks in the form in which image files embed them."""

    exif: bytes = b""
    """TIFF structure, without the prefix `Exif\\0\\0`."""
    xmp: bytes = b""
    """XMP packet: XML in UTF-8."""
    iptc: bytes = b""
    """IPTC-IIM records."""
    photoshop: tuple[PhotoshopBlock, ...] = ()
    texts: tuple[Text, ...] = ()
    chunks: tuple[Chunk, ...] = ()


class FileMetadata(NamedTuple):
    """Metadata of a file, and remarks for the user."""

    metadata: Metadata
    notes: tuple[str, ...]


def left_out(names: Iterable[str], because: str = "") -> tuple[str, ...]:
    """Return a note that lists what is lost, each name once; none where nothing is lost."""
    listed = ", ".join(dict.fromkeys(names))
    return (f"left out{because}: {listed}",) if listed else ()
