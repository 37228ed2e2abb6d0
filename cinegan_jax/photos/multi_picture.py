"""Index of the images in one JPEG file (CIPA DC-007, Multi-Picture Format)."""

import struct
from collections.abc import Iterator

from cinegan_jax.photos.jpeg_layout import JpegLayout

_APP2, _HEADER = 0xE2, b"MPF\0"
_ENTRIES = 0xB002
_ENTRY_BYTES = 16
_SEGMENT_BYTES = 90
"""Segment of two images."""
_MOST_IMAGES = 100
_PREVIEWS = (0x010001, 0x010002)
"""Types of reduced copies for screens; like thumbnails they show the photo itself."""
_PRIMARY = 0x030000


def further_images(data: bytes, layout: JpegLayout) -> Iterator[tuple[int, int, bool]]:
    """Yield start, stop and whether it is a preview of each image after the first.

    Entries that lie outside the file are left out.
    """
    segment = next((part for part in layout.segments if part.starts(data, _APP2, _HEADER)), None)
    if segment is None:
        return
    base = segment.start + 4 + len(_HEADER)
    index = data[base : segment.stop]
    order = "<" if index[:2] == b"II" else ">"
    for kind, size, offset in list(_entries(index, order))[1:]:
        start = base + offset
        if 0 < size <= len(data) - start and data[start : start + 2] == b"\xff\xd8":
            yield start, start + size, kind & 0xFFFFFF in _PREVIEWS


def index_segment(photo_bytes: int, start: int, further_bytes: int) -> bytes:
    """Return the segment APP2 for a primary image and one that follows it.

    Args:
      photo_bytes: size of the primary image without this segment.
      start: position of this segment in the primary image.
      further_bytes: size of the further image.
    """
    primary_bytes = photo_bytes + _SEGMENT_BYTES
    place = start + 4 + len(_HEADER)
    images = struct.pack(">LLLHH", _PRIMARY, primary_bytes, 0, 0, 0)
    images += struct.pack(">LLLHH", 0, further_bytes, primary_bytes - place, 0, 0)
    directory = struct.pack(">H", 3)
    directory += struct.pack(">HHL4s", 0xB000, 7, 4, b"0100")
    directory += struct.pack(">HHLL", 0xB001, 4, 1, 2)
    directory += struct.pack(">HHLL", _ENTRIES, 7, len(images), 8 + 2 + 36 + 4)
    content = _HEADER + b"MM\0*" + struct.pack(">L", 8) + directory + bytes(4) + images
    return struct.pack(">BBH", 0xFF, _APP2, 2 + len(content)) + content


def _entries(index: bytes, order: str) -> Iterator[tuple[int, int, int]]:
    """Yield type, size and offset of each image; nothing from a damaged index."""
    try:
        (start,) = struct.unpack_from(f"{order}L", index, 4)
        (count,) = struct.unpack_from(f"{order}H", index, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, size, value = struct.unpack_from(f"{order}HHLL", index, place)
            if tag == _ENTRIES:
                for number in range(min(size // _ENTRY_BYTES, _MOST_IMAGES)):
                    yield struct.unpack_from(f"{order}LLL", index, value + _ENTRY_BYTES * number)
    except struct.error:
        return
