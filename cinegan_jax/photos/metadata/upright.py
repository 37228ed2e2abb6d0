"""Metadata of a photo after it is turned upright or resized."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import exiv2

from cinegan_jax.photos.metadata.blocks import FileMetadata, Metadata, left_out
from cinegan_jax.photos.metadata.exiv import RESOLUTION, edited, keys, remove
from cinegan_jax.photos.metadata.file_tags import is_file_tag
from cinegan_jax.photos.metadata.further_images import is_about_further_images
from cinegan_jax.photos.metadata.geometry import FrameChange
from cinegan_jax.photos.metadata.photoshop import is_path
from cinegan_jax.photos.metadata.regions import change_regions, number_text

_STALE_XMP = ("Xmp.xmp.Thumbnails", "Xmp.xmpNote.HasExtendedXMP")
_SUBJECTS = ("SubjectArea", "SubjectLocation")
_FOCAL_PLANE = ("FocalPlaneXResolution", "FocalPlaneYResolution")
_MAP_TAGS = ("Exif.Image.0x830e", "Exif.Image.0x8482", "Exif.Image.0x85d8")
"""GeoTIFF's scale, tie points and transformation: pixels to places on a map."""


def upright(metadata: Metadata, turn: int, width: int, height: int, srgb: bool) -> FileMetadata:
    """Update metadata for an image that is turned upright.

    Thumbnails are removed, since they show the original photo, and so are tags that only describe
    how a file stores its pixels. Positions turn with the pixels; those that cannot are removed.

    Args:
      metadata: metadata of the stored image.
      turn: orientation 1..8 by which it was turned.
      width: width of the upright image in pixels.
      height: height of the upright image.
      srgb: whether the colour space becomes sRGB.
    """
    stored = (height, width) if turn >= 5 else (width, height)
    change = FrameChange(turn, *stored, width, height)
    lost: list[str] = []

    def make_true(exif: Any, xmp: Any) -> None:
        exiv2.ExifThumb(exif).erase()
        remove(exif, [key for key in keys(exif) if is_file_tag(key, exif[key].tag())])
        remove(xmp, [key for key in keys(xmp) if key.startswith(_STALE_XMP)])
        if any(key.startswith("Xmp.GImage.") for key in keys(xmp)):
            remove(xmp, [key for key in keys(xmp) if key.startswith("Xmp.GImage.")])
            lost.append("undeveloped image (GImage)")
        remove(xmp, [key for key in keys(xmp) if is_about_further_images(key)])
        _replace(exif, "Exif.Image.", {"Orientation": 1}, exiv2.UShortValue)
        _replace(xmp, "Xmp.tiff.", {"Orientation": 1}, _xmp_text)
        if srgb:
            _replace(exif, "Exif.Photo.", {"ColorSpace": 1}, exiv2.UShortValue)
            _replace(xmp, "Xmp.exif.", {"ColorSpace": 1}, _xmp_text)
            remove(exif, [key for key in keys(exif) if key.startswith("Exif.Iop.")])
        lost.extend(_change_frame(exif, xmp, change))

    return _changed(metadata, change, make_true, lost)


def at_new_size(
    metadata: Metadata, width: int, height: int, new_width: int, new_height: int
) -> FileMetadata:
    """Update metadata of an upright image of `width` by `height` pixels for a new size."""
    change = FrameChange(1, width, height, new_width, new_height)
    lost: list[str] = []
    return _changed(
        metadata, change, lambda exif, xmp: lost.extend(_change_frame(exif, xmp, change)), lost
    )


def _changed(
    metadata: Metadata, change: FrameChange, edit: Callable[[Any, Any], None], lost: list[str]
) -> FileMetadata:
    """Apply an edit to EXIF and XMP, and the change of the frame to Photoshop's blocks."""
    if metadata.exif or metadata.xmp:
        metadata = edited(metadata, edit)
    if change.turns and any(is_path(block) for block in metadata.photoshop):
        kept = tuple(block for block in metadata.photoshop if not is_path(block))
        metadata = replace(metadata, photoshop=kept)
        lost.append("paths of Photoshop")
    return FileMetadata(metadata, left_out(lost, " since it does not fit the new pixels"))


def _change_frame(exif: Any, xmp: Any, change: FrameChange) -> list[str]:
    """Write the new size, and move everything that has a place in the frame."""
    width, height = change.new_width, change.new_height
    size = {"PixelXDimension": width, "PixelYDimension": height}
    _replace(exif, "Exif.Photo.", size, exiv2.ULongValue)
    _replace(xmp, "Xmp.exif.", size, _xmp_text)
    _replace(xmp, "Xmp.tiff.", {"ImageWidth": width, "ImageLength": height}, _xmp_text)
    if not change.changes:
        return []
    lost = change_regions(xmp, change)
    for name in _SUBJECTS:
        lost.extend(_change_subject(exif, f"Exif.Photo.{name}", change, " "))
        lost.extend(_change_subject(xmp, f"Xmp.exif.{name}", change, ","))
    _change_focal_plane(exif, change)
    if change.sideways:
        _exchange(exif, *RESOLUTION[:2])
        _exchange(xmp, "Xmp.tiff.XResolution", "Xmp.tiff.YResolution")
    if found := [key for key in _MAP_TAGS if key in exif]:
        remove(exif, found)
        lost.append("position on a map (GeoTIFF)")
    return lost


def _change_subject(data: Any, key: str, change: FrameChange, separator: str) -> list[str]:
    """Move the subject (EXIF 2.32, tag 0x9214): a point, with a diameter or width and height."""
    if key not in data:
        return []
    name = key.rpartition(".")[2]
    try:
        x, y, *lengths = (int(text) for text in data[key].toString().split(separator))
    except ValueError:
        x = y = -1
        lengths = []
    remove(data, [key])
    if not (0 <= x < change.width and 0 <= y < change.height):
        return [f"{name}, which lies outside the photo"]
    values = [*change.pixel(x, y), *_new_lengths(lengths, change)]
    data[key] = _subject_value(key, values)
    return []


def _new_lengths(lengths: list[int], change: FrameChange) -> list[int]:
    if len(lengths) == 1:
        across, down = change.scale
        return [max(1, round(lengths[0] * (across * down) ** 0.5))]
    if len(lengths) == 2:
        return [max(1, round(length)) for length in change.lengths(*lengths)]
    return []


def _subject_value(key: str, values: list[int]) -> Any:
    if key.startswith("Xmp."):
        value = exiv2.XmpArrayValue(exiv2.TypeId.xmpSeq)
        for number in values:
            value.append(str(number))
        return value
    value = exiv2.Value.create(exiv2.TypeId.unsignedShort)
    value.read(" ".join(map(str, values)))
    return value


def _change_focal_plane(exif: Any, change: FrameChange) -> None:
    """Keep the pixels per millimetre on the sensor true."""
    names = [f"Exif.Photo.{name}" for name in _FOCAL_PLANE]
    if any(name not in exif for name in names):
        return
    densities = [Fraction(*exif[name].toRational(0)) for name in names if _is_ratio(exif, name)]
    if len(densities) < 2:
        return
    turned = change.exchanged(*map(float, densities))
    for name, density, scale in zip(names, turned, change.scale, strict=True):
        ratio = Fraction(density * scale).limit_denominator(10_000)
        value = exiv2.Value.create(exiv2.TypeId.unsignedRational)
        value.read(f"{ratio.numerator}/{ratio.denominator}")
        exif[name] = value


def _is_ratio(exif: Any, key: str) -> bool:
    return exif[key].count() == 1 and exif[key].toRational(0)[1] != 0


def _exchange(data: Any, first: str, second: str) -> None:
    if first in data and second in data:
        texts = [data[key].toString() for key in (second, first)]
        for key, text in zip((first, second), texts, strict=True):
            data[key].setValue(text)


def _replace(data: Any, prefix: str, values: Mapping[str, int], kind: Any) -> None:
    for name, value in values.items():
        if prefix + name in data:
            data[prefix + name] = kind(value)


def _xmp_text(value: int) -> Any:
    return exiv2.XmpTextValue(number_text(value))
