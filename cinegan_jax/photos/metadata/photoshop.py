"""Image resources of Photoshop (`8BIM`), in which JPEG and TIFF hold IPTC (Adobe's PSD format)."""

import struct
from collections.abc import Iterator, Sequence

from cinegan_jax.photos.metadata.blocks import PhotoshopBlock

_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")
_IPTC = 0x0404
_CARRIED_ELSEWHERE = frozenset((0x03ED, 0x040F, 0x0422, 0x0423, 0x0424))
"""Resolution, ICC profile, EXIF twice, XMP."""
_STALE = frozenset((0x0409, 0x040C, 0x0425))
"""Thumbnails of the undeveloped photo, and the checksum of IPTC that a photo editor makes anew."""
_PATHS = range(0x07D0, 0x0BB8)
_CLIPPING_PATH = 0x0BB7


def parse_resources(data: bytes) -> tuple[bytes, tuple[PhotoshopBlock, ...]]:
    """Return the IPTC records of image resources, and the other blocks that are worth keeping.

    Damaged data is read as far as it is sound.
    """
    iptc, kept = b"", []
    for block in _blocks(data):
        if block.number == _IPTC:
            iptc += block.content
        elif block.number not in _CARRIED_ELSEWHERE | _STALE:
            kept.append(block)
    return iptc, tuple(kept)


def resources(iptc: bytes, blocks: Sequence[PhotoshopBlock]) -> bytes:
    """Return image resources that hold IPTC records and blocks; empty where there are none."""
    first = [PhotoshopBlock(_IPTC, b"", iptc)] if iptc else []
    return b"".join(map(_serialised, (*first, *blocks)))


def is_path(block: PhotoshopBlock) -> bool:
    """Return True for a path, whose points have places in the photo."""
    return block.number in _PATHS or block.number == _CLIPPING_PATH


def _blocks(data: bytes) -> Iterator[PhotoshopBlock]:
    start = 0
    while data[start : start + 4] in _SIGNATURES and start + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, start + 4)
        name_size = data[start + 6]
        name = data[start + 7 : start + 7 + name_size]
        start += 7 + name_size + (name_size + 1) % 2
        if start + 4 > len(data):
            return
        (size,) = struct.unpack_from(">L", data, start)
        content = data[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        yield PhotoshopBlock(number, name, content)
        start += 4 + size + size % 2


def _serialised(block: PhotoshopBlock) -> bytes:
    name = bytes([len(block.name)]) + block.name
    parts = (name + b"\0" * (len(name) % 2), struct.pack(">L", len(block.content)), block.content)
    padding = b"\0" * (len(block.content) % 2)
    return b"8BIM" + struct.pack(">H", block.number) + b"".join(parts) + padding
