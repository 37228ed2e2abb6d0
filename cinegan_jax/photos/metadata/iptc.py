"""IPTC-IIM records and their places in XMP (IPTC Photo Metadata Standard, mapping guidelines)."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import exiv2

from cinegan_jax.photos.metadata.blocks import Metadata
from cinegan_jax.photos.metadata.exiv import edited

_MARKER = 0x1C
_CHARSET, _UTF8 = (1, 90), b"\x1b%G"
_TECHNICAL = frozenset(((1, 0), _CHARSET, (2, 0)))
"""Versions and character set: they describe the records themselves."""
_TIME_CREATED = (2, 60)
_DATE_CREATED = (2, 55)

_TEXT, _ALT, _BAG, _SEQ = "text", "alt", "bag", "seq"
_PLACES: Mapping[tuple[int, int], tuple[str, str]] = {
    (2, 5): ("Xmp.dc.title", _ALT),
    (2, 10): ("Xmp.photoshop.Urgency", _TEXT),
    (2, 12): ("Xmp.iptc.SubjectCode", _BAG),
    (2, 15): ("Xmp.photoshop.Category", _TEXT),
    (2, 20): ("Xmp.photoshop.SupplementalCategories", _BAG),
    (2, 25): ("Xmp.dc.subject", _BAG),
    (2, 40): ("Xmp.photoshop.Instructions", _TEXT),
    _DATE_CREATED: ("Xmp.photoshop.DateCreated", _TEXT),
    (2, 80): ("Xmp.dc.creator", _SEQ),
    (2, 85): ("Xmp.photoshop.AuthorsPosition", _TEXT),
    (2, 90): ("Xmp.photoshop.City", _TEXT),
    (2, 92): ("Xmp.iptc.Location", _TEXT),
    (2, 95): ("Xmp.photoshop.State", _TEXT),
    (2, 100): ("Xmp.iptc.CountryCode", _TEXT),
    (2, 101): ("Xmp.photoshop.Country", _TEXT),
    (2, 103): ("Xmp.photoshop.TransmissionReference", _TEXT),
    (2, 105): ("Xmp.photoshop.Headline", _TEXT),
    (2, 110): ("Xmp.photoshop.Credit", _TEXT),
    (2, 115): ("Xmp.photoshop.Source", _TEXT),
    (2, 116): ("Xmp.dc.rights", _ALT),
    (2, 120): ("Xmp.dc.description", _ALT),
    (2, 122): ("Xmp.photoshop.CaptionWriter", _TEXT),
}


class Moved(NamedTuple):
    """Metadata after a move into XMP, and what found no place there."""

    metadata: Metadata
    lost: tuple[str, ...]


def iptc_in_xmp(metadata: Metadata) -> Moved:
    """Move IPTC records into XMP, for formats that hold only the latter; XMP takes precedence."""
    found = _values(metadata.iptc)
    values = {_PLACES[record]: texts for record, texts in found.items() if record in _PLACES}
    lost = [f"IPTC {a}:{b}" for a, b in found if (a, b) not in _PLACES]
    moved = added_to_xmp(metadata, values)
    return Moved(moved.metadata, (*lost, *(f"IPTC {name}" for name in moved.lost)))


def added_to_xmp(metadata: Metadata, values: Mapping[tuple[str, str], list[str]]) -> Moved:
    """Add values where XMP has none; return the names of those that differ from what it has.

    Args:
      metadata: metadata of the photo.
      values: texts by key and kind of a property.
    """
    lost: list[str] = []

    def add(exif: Any, xmp: Any) -> None:
        for (key, kind), texts in values.items():
            if key not in xmp:
                xmp[key] = _property(kind, texts)
            elif not _agrees(xmp[key].toString(), texts):
                lost.append(key.removeprefix("Xmp."))

    return Moved(edited(metadata, add) if values else metadata, tuple(lost))


def _agrees(present: str, texts: list[str]) -> bool:
    return all(text in present for text in texts)


def _property(kind: str, texts: list[str]) -> Any:
    if kind == _TEXT:
        return exiv2.XmpTextValue(" ".join(texts))
    if kind == _ALT:
        value = exiv2.LangAltValue()
        value.read(f'lang="x-default" {" ".join(texts)}')
        return value
    value = exiv2.XmpArrayValue(exiv2.TypeId.xmpBag if kind == _BAG else exiv2.TypeId.xmpSeq)
    for text in texts:
        value.append(text)
    return value


def _values(iptc: bytes) -> dict[tuple[int, int], list[str]]:
    """Return the texts of each record; date and time of creation become one ISO 8601 text."""
    records = list(_records(iptc))
    charset = "utf-8" if (_CHARSET, _UTF8) in records else "latin-1"
    found: dict[tuple[int, int], list[str]] = {}
    for record, content in records:
        if record not in _TECHNICAL:
            found.setdefault(record, []).append(_decoded(content, charset))
    date, time = (found.pop(record, [""])[0] for record in (_DATE_CREATED, _TIME_CREATED))
    if len(date) == 8:
        found[_DATE_CREATED] = [f"{date[:4]}-{date[4:6]}-{date[6:]}{_iso_time(time)}"]
    return found


def _decoded(content: bytes, charset: str) -> str:
    """Decode a text; many programs write UTF-8 without saying so."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(charset, errors="replace")


def _iso_time(time: str) -> str:
    """Return `THH:MM:SS+HH:MM` for `HHMMSS+HHMM`, or nothing."""
    if len(time) < 6:
        return ""
    zone = f"{time[6:9]}:{time[9:11]}" if len(time) == 11 else ""
    return f"T{time[:2]}:{time[2:4]}:{time[4:6]}{zone}"


def _records(iptc: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    start = 0
    while start + 5 <= len(iptc) and iptc[start] == _MARKER:
        record, dataset, size = struct.unpack_from(">BBH", iptc, start + 1)
        start += 5
        if size & 0x8000:  # the size itself follows, in that number of bytes
            width = size & 0x7FFF
            size, start = int.from_bytes(iptc[start : start + width]), start + width
        if start + size > len(iptc):
            return
        yield (record, dataset), iptc[start : start + size]
        start += size
