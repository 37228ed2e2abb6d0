"""Metadata in the extensions of a GIF (GIF89a, appendix 23): comments and XMP."""

from collections.abc import Iterator

from cinegan_jax.photos.metadata import FileMetadata, Metadata, Text, left_out
from cinegan_jax.photos.metadata.blocks import COMMENT

_HEADER_BYTES = 13
_EXTENSION, _IMAGE = 0x21, 0x2C
_COMMENT, _PLAIN_TEXT, _APPLICATION = 0xFE, 0x01, 0xFF
_XMP = b"XMP DataXMP"
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_PROFILE = b"ICCRGBG1012"


def read_gif_metadata(data: bytes) -> FileMetadata:
    """Read the metadata of a GIF."""
    xmp, texts, lost = b"", [], []
    for label, start in _extensions(data):
        content, _ = _sub_blocks(data, start)
        name = data[start + 1 : start + 12]
        if label == _COMMENT:
            texts.append(Text(COMMENT, content.decode(errors="replace")))
        elif label == _APPLICATION and name == _XMP:
            xmp = _xmp(data, start)
        elif label == _APPLICATION and name not in _LOOPS:
            lost.append(_application_name(name))
        elif label == _PLAIN_TEXT:
            lost.append("text drawn over the image")
    return FileMetadata(Metadata(xmp=xmp, texts=tuple(texts)), left_out(lost))


def _application_name(name: bytes) -> str:
    if name == _PROFILE:
        return "colour profile"
    return f"extension {name.decode('ascii', errors='replace')}"


def _extensions(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield label and position of the first sub-block of every extension."""
    start = _HEADER_BYTES + _table_bytes(data[10])
    while start + 2 < len(data):
        if data[start] == _EXTENSION:
            yield data[start + 1], start + 2
            start = _sub_blocks(data, start + 2)[1]
        elif data[start] == _IMAGE and start + 10 < len(data):
            start += 10 + _table_bytes(data[start + 9])
            start = _sub_blocks(data, start + 1)[1]
        else:
            return


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sub_blocks(data: bytes, start: int) -> tuple[bytes, int]:
    """Return the content of a chain of sub-blocks, and the position after it."""
    parts = []
    while start < len(data) and (size := data[start]):
        parts.append(data[start + 1 : start + 1 + size])
        start += 1 + size
    return b"".join(parts), start + 1


def _xmp(data: bytes, start: int) -> bytes:
    """Return the packet, which is stored without sizes; bytes 1, 255, 254 ... 0 end it."""
    first = start + 1 + data[start]
    return data[first : _sub_blocks(data, first)[1]].partition(b"\x01\xff\xfe")[0]
