"""Boxes and items of ISOBMFF image files (ISO/IEC 14496-12 and 23008-12): AVIF and HEIC."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cinegan_jax.photos.metadata import Metadata

_FULL_BOX = 4
"""Bytes of version and flags at the start of a full box."""


class CodePoints(NamedTuple):
    """H.273 code points of an image."""

    primaries: int
    transfer: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each box.

    Raises:
      ValueError: a box extends past the end.
    """
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">L4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        size = size or end - start
        if size < head or start + size > end:
            raise ValueError("truncated box")
        yield name, data[start + head : start + size]
        start += size


def box(name: bytes, content: bytes) -> bytes:
    """Return a box of this type and content."""
    return struct.pack(">L", 8 + len(content)) + name + content


def code_points(data: bytes) -> CodePoints | None:
    """Return the code points of the main image of a file; None if it has none."""
    meta = _meta(data)
    if not meta.keys() >= {b"pitm", b"iprp"}:
        return None
    properties = dict(boxes(meta[b"iprp"]))
    stored = list(boxes(properties[b"ipco"]))
    main = _main_item(meta)
    numbers = _associations(properties[b"ipma"]).get(main, []) or range(1, len(stored) + 1)
    for number in numbers:
        name, content = stored[number - 1] if 0 < number <= len(stored) else (b"", b"")
        if name == b"colr" and content.startswith(b"nclx"):
            return CodePoints(*struct.unpack_from(">HH", content, 4))
    return None


def with_metadata(data: bytes, profile: bytes | None, metadata: Metadata) -> bytes:
    """Return a copy of a new file, as libavif writes it, with a profile and metadata added."""
    top, meta = dict(boxes(data)), _meta(data)
    main, payloads = _main_item(meta), _payloads(data, meta[b"iloc"])
    iinf, iref = meta[b"iinf"][6:], meta.get(b"iref", bytes(_FULL_BOX))
    for kind, payload in (
        (b"Exif\0", metadata.exif and bytes(4) + metadata.exif),
        (b"mime\0application/rdf+xml\0", metadata.xmp),
    ):
        if payload:
            item = max(payloads) + 1
            payloads[item] = payload
            iinf += box(b"infe", b"\2\0\0\0" + struct.pack(">HH", item, 0) + kind)
            iref += box(b"cdsc", struct.pack(">HHH", item, 1, main))
    before = bytes(_FULL_BOX) + box(b"hdlr", meta[b"hdlr"]) + box(b"pitm", meta[b"pitm"])
    after = b"".join(
        (
            box(b"iinf", bytes(_FULL_BOX) + struct.pack(">H", len(payloads)) + iinf),
            box(b"iref", iref) if len(iref) > _FULL_BOX else b"",
            box(b"iprp", _with_profile(meta[b"iprp"], main, profile)),
        )
    )
    start = 0
    for _ in range(2):  # the first pass finds where the payloads start
        iloc = box(b"iloc", _locations(payloads, start))
        head = box(b"ftyp", top[b"ftyp"]) + box(b"meta", before + iloc + after)
        start = len(head) + 8
    return head + box(b"mdat", b"".join(payloads.values()))


def _meta(data: bytes) -> dict[bytes, bytes]:
    """Return the boxes of the file's `meta` box."""
    for name, content in boxes(data):
        if name == b"meta":
            return dict(boxes(content, _FULL_BOX))
    return {}


def _main_item(meta: dict[bytes, bytes]) -> int:
    content = meta[b"pitm"]
    return int.from_bytes(content[4:6] if content[0] == 0 else content[4:8])


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """Return the numbers of the properties of each item (23008-12, 9.3.1)."""
    wide_items, wide_numbers = ipma[0] > 0, ipma[3] & 1
    result, at = {}, 8
    for _ in range(int.from_bytes(ipma[4:8])):
        width = 4 if wide_items else 2
        item, count = int.from_bytes(ipma[at : at + width]), ipma[at + width]
        at += width + 1
        size = 2 if wide_numbers else 1
        most = 0x7FFF if wide_numbers else 0x7F
        numbers = [
            int.from_bytes(ipma[p : p + size]) & most for p in range(at, at + count * size, size)
        ]
        result[item] = numbers
        at += count * size
    return result


def _with_profile(iprp: bytes, main: int, profile: bytes | None) -> bytes:
    """Add an ICC profile to the properties of the main item."""
    if not profile:
        return iprp
    parts = dict(boxes(iprp))
    number = len(list(boxes(parts[b"ipco"]))) + 1
    ipco = parts[b"ipco"] + box(b"colr", b"prof" + profile)
    ipma, at = bytearray(parts[b"ipma"]), 8
    for item, numbers in _associations(parts[b"ipma"]).items():
        at += 3
        if item == main:
            ipma[at - 1] += 1
            ipma.insert(at + len(numbers), number)
            break
        at += len(numbers)
    return box(b"ipco", ipco) + box(b"ipma", bytes(ipma))


def _payloads(data: bytes, iloc: bytes) -> dict[int, bytes]:
    """Return the content of each item, from 4-byte offsets and lengths."""
    result, at = {}, 8
    for _ in range(int.from_bytes(iloc[6:8])):
        item, _, extents, start, size = struct.unpack_from(">HHHLL", iloc, at)
        if iloc[:1] + iloc[4:6] != b"\0\x44\0" or extents != 1:
            raise ValueError("item locations in another form")
        result[item] = data[start : start + size]
        at += 14
    return result


def _locations(payloads: dict[int, bytes], start: int) -> bytes:
    parts = [bytes(_FULL_BOX) + b"\x44\0" + struct.pack(">H", len(payloads))]
    for item, payload in payloads.items():
        parts.append(struct.pack(">HHHLL", item, 0, 1, start, len(payload)))
        start += len(payload)
    return b"".join(parts)
