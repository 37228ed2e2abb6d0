"""Extended XMP: packets of more than 64 KB in a JPEG (XMP specification, part 3, 1.1.3.1)."""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import exiv2

from cinegan_jax.photos.metadata.exiv import EXIV2, keys, keys_within, remove, serialised, xmp_of

exiv2.XmpProperties.registerNs("http://ns.adobe.com/xmp/note/", "xmpNote")
_HAS_EXTENDED = "Xmp.xmpNote.HasExtendedXMP"
_HEADER = struct.Struct(">32sLL")
"""GUID, size of the whole extended packet, position of this part."""
_PART_BYTES = 65_000


@dataclass(frozen=True)
class SplitPacket:
    """An XMP packet for a JPEG."""

    standard: bytes
    """Packet for the standard segment."""
    parts: tuple[bytes, ...] = ()
    """Contents of the segments that follow, without their signature."""


def split_packet(packet: bytes, largest: int) -> SplitPacket:
    """Move the largest properties to extended XMP, until the rest has at most `largest` bytes."""
    if len(packet) <= largest:
        return SplitPacket(packet)
    with EXIV2:
        standard = xmp_of(packet)
        if len(compact := serialised(standard, wrapped=True)) <= largest:
            return SplitPacket(compact)
        extended = exiv2.XmpData()
        standard[_HAS_EXTENDED] = exiv2.XmpTextValue("0" * 32)
        for name in _by_size(standard):
            for key in keys_within(standard, name):
                extended.add(standard[key])
            remove(standard, keys_within(standard, name))
            if len(serialised(standard, wrapped=True)) <= largest:
                break
        whole = serialised(extended, wrapped=False)
        guid = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper()
        standard[_HAS_EXTENDED] = exiv2.XmpTextValue(guid)
        return SplitPacket(serialised(standard, wrapped=True), _parts(whole, guid))


def joined_packet(standard: bytes, parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Merge extended XMP into the standard packet.

    Args:
      standard: packet of the standard segment.
      parts: contents of the extended segments.

    Returns:
      The packet, and False where the extended part is missing or damaged.
    """
    if b"HasExtendedXMP" not in standard:
        return standard, not parts
    with EXIV2:
        xmp = xmp_of(standard)
        if _HAS_EXTENDED not in xmp:
            return standard, False
        guid = xmp[_HAS_EXTENDED].toString().encode()
        remove(xmp, [_HAS_EXTENDED])
        whole = _assembled(parts, guid)
        if whole is None:
            return serialised(xmp, wrapped=True), False
        extended = xmp_of(whole)
        for datum in extended:
            if datum.key() not in xmp:
                xmp.add(datum)
        return serialised(xmp, wrapped=True), True


def _by_size(xmp: exiv2.XmpData) -> Iterable[str]:
    """Return the names of the properties, the largest first; the last ones stay standard."""
    sizes: dict[str, int] = {}
    for key in keys(xmp):
        name = key.partition("/")[0].partition("[")[0]
        sizes[name] = sizes.get(name, 0) + xmp[key].size() + len(key)
    sizes.pop(_HAS_EXTENDED)
    return sorted(sizes, key=lambda name: -sizes[name])


def _parts(whole: bytes, guid: str) -> tuple[bytes, ...]:
    return tuple(
        _HEADER.pack(guid.encode(), len(whole), start) + whole[start : start + _PART_BYTES]
        for start in range(0, len(whole), _PART_BYTES)
    )


def _assembled(parts: Iterable[bytes], guid: bytes) -> bytes | None:
    """Return the extended packet, or None if a part is missing or the checksum differs."""
    found: dict[int, bytes] = {}
    for part in parts:
        if len(part) >= _HEADER.size and part[:32] == guid:
            found[_HEADER.unpack_from(part)[2]] = part[_HEADER.size :]
    whole = b"".join(content for _, content in sorted(found.items()))
    digest = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper()
    return whole if whole and digest.encode() == guid.upper() else None
