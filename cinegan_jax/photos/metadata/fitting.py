"""Metadata in the form that a file format holds, with a note on what it cannot hold."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import exiv2

from cinegan_jax.photos.metadata.blocks import COMMENT, FileMetadata, Metadata, left_out
from cinegan_jax.photos.metadata.exiv import EXIV2, edited, entry_of, keys, opened, remove
from cinegan_jax.photos.metadata.iptc import iptc_in_xmp
from cinegan_jax.photos.metadata.texts import texts_in_xmp

_LARGEST_JPEG_SEGMENT = 65533 - len(b"Exif\0\0")
_DPI_LIMIT = 10_000


@dataclass(frozen=True)
class Room:
    """Kinds of metadata that a format holds."""

    exif: bool = True
    most_exif: int | None = None
    """Largest EXIF block in bytes."""
    xmp: bool = True
    iptc: bool = False
    photoshop: bool = False
    all_texts: bool = False
    """Texts with any keyword."""
    comments: bool = False
    chunks: bool = False
    """Chunks of a PNG."""
    resolution: bool = False
    """A resolution of its own, beside EXIF."""


_ROOMS: Mapping[str, Room] = {
    "jpeg": Room(
        most_exif=_LARGEST_JPEG_SEGMENT, iptc=True, photoshop=True, comments=True, resolution=True
    ),
    "png": Room(iptc=True, photoshop=True, all_texts=True, chunks=True, resolution=True),
    "tiff": Room(iptc=True, photoshop=True, resolution=True),
    "bmp": Room(exif=False, xmp=False, resolution=True),
}
"""Kinds that each format holds; formats that are not listed hold EXIF and XMP."""

_TIME_CHUNK = b"tIME"


def holds_xmp(format: str) -> bool:
    """Return True if a format can hold a record of the development."""
    return _ROOMS.get(format, Room()).xmp


def fitted(metadata: Metadata, format: str, dpi: tuple[float, float] | None) -> FileMetadata:
    """Return the metadata that a file of this format holds, and a note on the rest.

    What has a place of the same meaning in XMP moves there.

    Args:
      metadata: metadata of the photo.
      format: name of a format that is written.
      dpi: resolution, which goes into EXIF where the format has no place of its own for it.
    """
    room = _ROOMS.get(format, Room())
    lost: list[str] = []
    if room.xmp:
        metadata = _moved_into_xmp(metadata, room, lost)
    if room.exif and not room.resolution and dpi is not None:
        metadata = _with_resolution(metadata, dpi)
    lost.extend(_unheld(metadata, room))
    metadata = Metadata(
        exif=metadata.exif if room.exif else b"",
        xmp=metadata.xmp if room.xmp else b"",
        iptc=metadata.iptc if room.iptc else b"",
        photoshop=metadata.photoshop if room.photoshop else (),
        texts=metadata.texts if room.all_texts or room.comments else (),
        chunks=metadata.chunks if room.chunks else (),
    )
    if room.most_exif is not None and len(metadata.exif) > room.most_exif:
        metadata = _smaller_exif(metadata, room.most_exif, lost)
    return FileMetadata(metadata, left_out(lost, f", since {format.upper()} cannot hold it"))


def _moved_into_xmp(metadata: Metadata, room: Room, lost: list[str]) -> Metadata:
    if metadata.texts and not room.all_texts:
        held = frozenset((COMMENT,) if room.comments else ())
        metadata, gone = texts_in_xmp(metadata, held)
        lost.extend(gone)
    if metadata.iptc and not room.iptc:
        moved = iptc_in_xmp(metadata)
        metadata = replace(moved.metadata, iptc=b"")
        lost.extend(moved.lost)
    return metadata


def _unheld(metadata: Metadata, room: Room) -> Iterator[str]:
    held = {
        "EXIF": room.exif or not metadata.exif,
        "XMP": room.xmp or not metadata.xmp,
        "IPTC": room.iptc or not metadata.iptc,
        "settings of Photoshop": room.photoshop or not metadata.photoshop,
    }
    yield from (name for name, fits in held.items() if not fits)
    if not (room.all_texts or room.comments):
        yield from (f"text “{text.keyword}”" for text in metadata.texts)
    if not room.chunks:
        yield from (chunk_name(chunk.name) for chunk in metadata.chunks)


def chunk_name(name: bytes) -> str:
    """Return what a note calls a chunk of a PNG."""
    if name == _TIME_CHUNK:
        return "time of the last change (tIME)"
    return f"chunk {name.decode('ascii', errors='replace')}"


def _with_resolution(metadata: Metadata, dpi: tuple[float, float]) -> Metadata:
    def add(exif: Any, xmp: Any) -> None:
        for name, dots in zip("XY", dpi, strict=True):
            value = exiv2.Value.create(exiv2.TypeId.unsignedRational)
            value.read(f"{round(dots * _DPI_LIMIT)}/{_DPI_LIMIT}")
            exif[f"Exif.Image.{name}Resolution"] = value
        exif["Exif.Image.ResolutionUnit"] = exiv2.UShortValue(2)

    return edited(metadata, add)


def _smaller_exif(metadata: Metadata, most: int, lost: list[str]) -> Metadata:
    """Remove the largest entries of EXIF until it fits."""
    with EXIV2:
        sizes: dict[str, int] = {}
        image = opened(metadata)
        exif = image.exifData()
        for datum in exif:
            entry = entry_of(datum.key())
            sizes[entry] = sizes.get(entry, 0) + datum.size()
    for name in sorted(sizes, key=lambda entry: -sizes[entry]):
        metadata = edited(metadata, functools.partial(_remove_entry, name))
        lost.append(f"EXIF {name.rpartition('.')[2]} ({sizes[name]} bytes)")
        if len(metadata.exif) <= most:
            return metadata
    return replace(metadata, exif=b"")


def _remove_entry(name: str, exif: Any, xmp: Any) -> None:
    remove(exif, [key for key in keys(exif) if entry_of(key) == name])
