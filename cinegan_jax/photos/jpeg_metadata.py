"""Metadata in the segments of a JPEG: EXIF, XMP and its extension, Photoshop, comments."""

import struct
from collections.abc import Iterable, Iterator

from cinegan_jax.photos.metadata import DAMAGED, FileMetadata, Metadata, Text, left_out
from cinegan_jax.photos.metadata.blocks import COMMENT, CREDENTIALS
from cinegan_jax.photos.metadata.extended_xmp import joined_packet, split_packet
from cinegan_jax.photos.metadata.photoshop import parse_resources, resources

LARGEST_SEGMENT = 65533
EXIF_HEADER = b"Exif\0\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
_COM, _APP1, _APP13 = 0xFE, 0xE1, 0xED
_APPLICATION = range(0xE0, 0xF0)
_TIFF_HEADERS = (b"II*\0", b"MM\0*")
_HANDLED = (
    *((0xE0, b"JFIF\0"), (0xE0, b"JFXX\0")),
    *((0xE2, b"ICC_PROFILE\0"), (0xE2, b"MPF\0"), (0xE2, b"urn:iso:std:iso:ts:21496:-1\0")),
    (0xEE, b"Adobe"),
)
"""Segments about the coding, the profile and further images, which are not read here."""
_CREDENTIALS = (0xEB, b"JP")


def read_jpeg_metadata(segments: Iterable[tuple[int, bytes]]) -> FileMetadata:
    """Read the metadata of a JPEG.

    Args:
      segments: second byte of the marker and content of each segment before the first scan.
    """
    exif = xmp = photoshop = b""
    parts: list[bytes] = []
    texts: list[Text] = []
    lost: list[str] = []
    for marker, content in segments:
        if marker == _APP1 and content.startswith(EXIF_HEADER):
            exif += _continued(exif, content.removeprefix(EXIF_HEADER))
        elif marker == _APP1 and content.startswith(_XMP_HEADER):
            xmp = xmp or content.removeprefix(_XMP_HEADER)
        elif marker == _APP1 and content.startswith(_EXTENSION_HEADER):
            parts.append(content.removeprefix(_EXTENSION_HEADER))
        elif marker == _APP13 and content.startswith(_PHOTOSHOP_HEADER):
            photoshop += content.removeprefix(_PHOTOSHOP_HEADER)
        elif marker == _COM:
            texts.append(Text(COMMENT, _decoded(content)))
        elif marker in _APPLICATION:
            lost.extend(_name_of(marker, content))
    packet, whole = _joined(xmp, parts)
    iptc, blocks = parse_resources(photoshop)
    metadata = Metadata(exif, packet, iptc, blocks, tuple(texts))
    return FileMetadata(metadata, (*left_out(lost), *(() if whole else (DAMAGED,))))


def jpeg_segments(metadata: Metadata) -> bytes:
    """Return the segments that hold all metadata but EXIF, which comes before them."""
    return b"".join(_segment(marker, content) for marker, content in _contents(metadata))


def _contents(metadata: Metadata) -> Iterator[tuple[int, bytes]]:
    if metadata.xmp:
        packet = split_packet(metadata.xmp, LARGEST_SEGMENT - len(_XMP_HEADER))
        yield _APP1, _XMP_HEADER + packet.standard
        for part in packet.parts:
            yield _APP1, _EXTENSION_HEADER + part
    blocks = resources(metadata.iptc, metadata.photoshop)
    for part in _pieces(blocks, LARGEST_SEGMENT - len(_PHOTOSHOP_HEADER)):
        yield _APP13, _PHOTOSHOP_HEADER + part
    for text in metadata.texts:
        for part in _pieces(text.content.encode(), LARGEST_SEGMENT):
            yield _COM, part


def _pieces(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def _continued(exif: bytes, content: bytes) -> bytes:
    """Return a further part of EXIF; nothing for a second EXIF block, which readers ignore."""
    return b"" if exif and content.startswith(_TIFF_HEADERS) else content


def _joined(xmp: bytes, parts: list[bytes]) -> tuple[bytes, bool]:
    try:
        return joined_packet(xmp, parts)
    except Exception:  # exiv2 raises many types for damaged bytes
        return xmp, not parts


def _decoded(content: bytes) -> str:
    try:
        return content.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _name_of(marker: int, content: bytes) -> Iterator[str]:
    if any(marker == known and content.startswith(start) for known, start in _HANDLED):
        return
    if marker == _CREDENTIALS[0] and content.startswith(_CREDENTIALS[1]):
        yield CREDENTIALS
        return
    label = content[:32].partition(b"\0")[0].decode("ascii", errors="replace")
    label = "".join(letter for letter in label if letter.isascii() and letter.isprintable())
    yield f"segment APP{marker - 0xE0}" + (f" ({label})" if label else "")
