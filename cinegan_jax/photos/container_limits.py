"""Checks of the structure of PNG, TIFF and GIF files against `limits`, before they are opened."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cinegan_jax.photos.limits import (
    MAX_CHUNKS,
    MAX_GIF_EXTENSION_BYTES,
    MAX_INFLATED_BYTES,
    MAX_OTHER_CHUNKS,
    MAX_TIFF_DIRECTORIES,
    MAX_TIFF_ENTRIES,
    MAX_TIFF_PIECES,
    check_sides,
    inflated_size,
    require_at_most,
)

_COMPRESSED_CHUNKS = (b"iCCP", b"zTXt", b"iTXt")
_PNG_SIZE_END = 24
"""Bytes of a PNG up to the end of its width and height."""
_PIECES = (0x0111, 0x0144)
"""Tags StripOffsets and TileOffsets."""
_SUBDIRECTORIES = (0x014A, 0x8769, 0x8825)
"""Tags SubIFDs, ExifIFD and GPSInfo."""


def check_png(data: bytes) -> None:
    """Raise Unsupported if a PNG is too large, has too many chunks, or one inflates too far."""
    if len(data) < _PNG_SIZE_END:
        raise ValueError("truncated header")
    check_sides(*struct.unpack_from(">LL", data, 16))
    start, chunks, others, inflated = 8, 0, 0, 0
    while start + 12 <= len(data):
        size, name = struct.unpack_from(">L4s", data, start)
        chunks += 1
        others += name != b"IDAT"
        require_at_most(chunks, MAX_CHUNKS, "chunks")
        require_at_most(others, MAX_OTHER_CHUNKS, "chunks that hold no pixels")
        if name in _COMPRESSED_CHUNKS:
            content = data[start + 8 : start + 8 + size]
            inflated += inflated_size(_compressed_part(name, content), MAX_INFLATED_BYTES)
            require_at_most(inflated, MAX_INFLATED_BYTES, "bytes of inflated text and profile")
        start += 12 + size


def check_gif(data: bytes) -> None:
    """Raise Unsupported if long extensions precede the first frame of a GIF (GIF89a, 23 to 26)."""
    start, total = 13, 0
    if data[10] & 0x80:
        start += 3 << (1 + (data[10] & 7))
    while start + 2 < len(data) and data[start] == 0x21:
        start += 2
        while start < len(data) and data[start]:
            total += 1 + data[start]
            start += 1 + data[start]
            require_at_most(total, MAX_GIF_EXTENSION_BYTES, "bytes of extensions before its image")
        start += 1


def check_tiff(data: bytes) -> None:
    """Raise Unsupported if a TIFF has too many directories, strips or tiles.

    Anything else that is wrong is left to the reader of the file.
    """
    layout = _Layout.of(data)
    waiting, seen, entries = [layout.first(data)], set[int](), 0
    while waiting:
        start = waiting.pop()
        if start in seen or not 0 < start < len(data):
            continue
        seen.add(start)
        require_at_most(len(seen), MAX_TIFF_DIRECTORIES, "directories")
        for tag, count, values in layout.entries(data, start):
            entries += 1
            require_at_most(entries, MAX_TIFF_ENTRIES, "entries in its directories")
            if tag in _PIECES:
                require_at_most(count, MAX_TIFF_PIECES, "strips or tiles")
            if tag in _SUBDIRECTORIES:
                require_at_most(count, MAX_TIFF_DIRECTORIES, "directories")
                waiting += values
        waiting.append(layout.following(data, start))


@dataclass(frozen=True)
class _Layout:
    """Byte order and field sizes of a TIFF or BigTIFF."""

    order: str
    big: bool

    @classmethod
    def of(cls, data: bytes) -> "_Layout":
        return cls("<" if data[:2] == b"II" else ">", 43 in data[2:4])

    def first(self, data: bytes) -> int:
        return self._number(data, 8 if self.big else 4, "Q" if self.big else "L")

    def entries(self, data: bytes, start: int) -> Iterator[tuple[int, int, list[int]]]:
        """Yield tag, count and, for subdirectories, values of the entries of a directory."""
        count = self._number(data, start, "Q" if self.big else "H")
        start += 8 if self.big else 2
        size = 20 if self.big else 12
        for place in range(start, min(start + size * count, len(data) - size + 1), size):
            tag = self._number(data, place, "H")
            number = self._number(data, place + 4, "Q" if self.big else "L")
            yield tag, number, self._offsets(data, place, number) if tag in _SUBDIRECTORIES else []

    def following(self, data: bytes, start: int) -> int:
        """Return the position of the next directory, 0 for none."""
        count = self._number(data, start, "Q" if self.big else "H")
        place = start + (8 + 20 * count if self.big else 2 + 12 * count)
        return self._number(data, place, "Q" if self.big else "L")

    def _offsets(self, data: bytes, place: int, count: int) -> list[int]:
        kind = self._number(data, place + 2, "H")
        code = "Q" if kind in (16, 18) else "L"
        width, room = (8 if code == "Q" else 4), (8 if self.big else 4)
        place += 12 if self.big else 8
        if width * count > room:
            place = self._number(data, place, "Q" if self.big else "L")
        count = min(count, MAX_TIFF_DIRECTORIES)
        return [self._number(data, place + width * index, code) for index in range(count)]

    def _number(self, data: bytes, place: int, code: str) -> int:
        """Return a number; 0 past the end of the file."""
        if place + struct.calcsize(self.order + code) > len(data):
            return 0
        return int(struct.unpack_from(self.order + code, data, place)[0])


def _compressed_part(name: bytes, content: bytes) -> bytes:
    """Return the zlib stream of a chunk; empty if it has none."""
    _, _, rest = content.partition(b"\0")
    if name != b"iTXt":
        return rest[1:]
    if rest[:1] != b"\1":
        return b""
    return rest[2:].split(b"\0", 2)[-1]
