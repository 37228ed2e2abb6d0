"""Metadata of a BigTIFF in the form of a classic TIFF, which exiv2 and EXIF need."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cinegan_jax.photos.metadata.file_tags import FILE_TAGS

_XMP = 0x02BC
_DIRECTORIES = (0x8769, 0x8825, 0xA005)
"""Tags that point to the directories of EXIF, GPS and interoperability."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WIDE = {16: (4, "Q", "L"), 17: (9, "q", "l"), 18: (13, "Q", "L")}
"""Types of 8 bytes that only BigTIFF has: the classic type, and letters of `struct` for both."""
_MOST_ENTRIES = 4096
_LARGEST_VALUE = 64 << 20


def is_bigtiff(data: bytes) -> bool:
    """Return True for the first bytes of a BigTIFF."""
    return data[:4] in (b"II+\0", b"MM\0+")


def as_classic(data: bytes) -> bytes:
    """Return a classic TIFF without pixels that holds the metadata of a BigTIFF.

    Raises:
      struct.error, ValueError: the directories are damaged.
    """
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}Q", data, 8)
    head = data[:2] + struct.pack(f"{order}HL", 42, 8)
    return head + _classic_directory(data, order, first, 8)


class _Entry(NamedTuple):
    tag: int
    kind: int
    number: int
    value: bytes


def _classic_directory(data: bytes, order: str, offset: int, start: int, depth: int = 0) -> bytes:
    """Return a directory for position `start` of the new file, with its values after it."""
    entries = [entry for entry in _entries(data, order, offset) if entry.tag not in _left(depth)]
    values, rows = b"", []
    after = start + 2 + 12 * len(entries) + 4
    for entry in sorted(entries):
        value = entry.value
        if entry.tag in _DIRECTORIES and depth < 2:
            (inner,) = struct.unpack(f"{order}L", value[:4])
            values += b"\0" * (len(values) % 2)
            position = after + len(values)
            values += _classic_directory(data, order, inner, position, depth + 1)
            value = struct.pack(f"{order}L", position)
        elif len(value) > 4:
            values += b"\0" * (len(values) % 2)
            position, values = after + len(values), values + value
            value = struct.pack(f"{order}L", position)
        rows.append(struct.pack(f"{order}HHL", *entry[:3]) + value.ljust(4, b"\0"))
    return struct.pack(f"{order}H", len(rows)) + b"".join(rows) + bytes(4) + values


def _left(depth: int) -> frozenset[int]:
    """Return the tags to leave out of a directory; exiv2 reads the XMP of the first one."""
    return FILE_TAGS - {_XMP} if depth == 0 else frozenset()


def _entries(data: bytes, order: str, offset: int) -> Iterator[_Entry]:
    (count,) = struct.unpack_from(f"{order}Q", data, offset)
    if count > _MOST_ENTRIES:
        raise ValueError(f"{count} entries in a directory")
    for start in range(offset + 8, offset + 8 + 20 * count, 20):
        tag, kind, number = struct.unpack_from(f"{order}HHQ", data, start)
        size = number * (8 if kind in _WIDE else _SIZES.get(kind, 0))
        if not 0 < size <= _LARGEST_VALUE:
            continue
        place = start + 12 if size <= 8 else struct.unpack_from(f"{order}Q", data, start + 12)[0]
        value = data[place : place + size]
        if len(value) == size:
            yield _narrow(_Entry(tag, kind, number, value), order)


def _narrow(entry: _Entry, order: str) -> _Entry:
    """Return an entry with a type that a classic TIFF has."""
    if entry.kind not in _WIDE:
        return entry
    kind, wide, narrow = _WIDE[entry.kind]
    numbers = struct.unpack(f"{order}{entry.number}{wide}", entry.value)
    return entry._replace(kind=kind, value=struct.pack(f"{order}{entry.number}{narrow}", *numbers))
