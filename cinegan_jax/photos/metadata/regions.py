"""Regions of a photo in XMP: faces, people, crops; turned and resized with the photo."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import exiv2

from cinegan_jax.photos.metadata.exiv import keys, keys_within, remove
from cinegan_jax.photos.metadata.geometry import FrameChange

_MWG = "Xmp.mwg-rs.Regions"
_MWG_SIZE = f"{_MWG}/mwg-rs:AppliedToDimensions/stDim:"
_IPTC = "Xmp.iptcExt.ImageRegion"
_CROP = "Xmp.crs."
_CROP_SIDES = ("CropLeft", "CropTop", "CropRight", "CropBottom")


class _Regions(NamedTuple):
    """One kind of regions: its name for the user, its properties, and how it changes."""

    name: str
    properties: re.Pattern[str]
    change: Callable[[Any, FrameChange], None]


def change_regions(xmp: Any, change: FrameChange) -> list[str]:
    """Move all regions in exiv2's data; remove those that cannot be moved and return their names.

    Regions count from the corner of the stored photo, before its orientation is applied (EXIF 2.32,
    tag 0x9214, holds its own coordinates to the same rule).
    """
    lost = []
    for regions in _KINDS:
        if not (found := [key for key in keys(xmp) if regions.properties.match(key)]):
            continue
        try:
            regions.change(xmp, change)
        except (ValueError, KeyError):
            remove(xmp, found)
            lost.append(regions.name)
    if change.turns:
        lost.extend(_without_fixed(xmp))
    return lost


def number_text(value: float) -> str:
    """Return a number as XMP writes it, without noise in its last digits."""
    return f"{round(value, 9) + 0.0:.9g}"


def _change_mwg(xmp: Any, change: FrameChange) -> None:
    """Change regions of the Metadata Working Group (guidelines 2.0, 5.9).

    `AppliedToDimensions` tells which way round the photo was: regions that were drawn on the
    upright photo are left where they are.
    """
    if _applied_upright(xmp, change):
        change = FrameChange(1, *_turned_size(change), change.new_width, change.new_height)
    for area in _structures(xmp, _MWG, "stArea:x"):
        unit = _text(xmp, f"{area}stArea:unit", "normalized")
        _change_points(xmp, change, f"{area}stArea:", ("x", "y"), in_pixels=unit == "pixel")
        _change_lengths(xmp, change, f"{area}stArea:", ("w", "h"), in_pixels=unit == "pixel")
    if f"{_MWG_SIZE}w" in xmp:
        _change_lengths(xmp, change, _MWG_SIZE, ("w", "h"), in_pixels=True, whole=True)
    if change.turns:
        remove(xmp, [key for key in keys_within(xmp, _MWG) if "AngleInfo" in key])


def _applied_upright(xmp: Any, change: FrameChange) -> bool:
    if not change.sideways or f"{_MWG_SIZE}w" not in xmp or change.width == change.height:
        return False
    width, height = _number(xmp, f"{_MWG_SIZE}w"), _number(xmp, f"{_MWG_SIZE}h")
    return width != height and (width > height) != (change.width > change.height)


def _turned_size(change: FrameChange) -> tuple[int, int]:
    return (change.height, change.width) if change.sideways else (change.width, change.height)


def _change_microsoft(xmp: Any, change: FrameChange) -> None:
    """Change the rectangles of Windows Live Photo Gallery: `left, top, width, height`."""
    for key in keys_within(xmp, "Xmp.MP.RegionInfo"):
        if key.endswith("/MPReg:Rectangle"):
            left, top, width, height = map(float, xmp[key].toString().split(","))
            box = change.box(left, top, width, height)
            _set(xmp, key, ", ".join(map(number_text, box)))


def _change_iptc(xmp: Any, change: FrameChange) -> None:
    """Change regions of the IPTC (Photo Metadata Standard 2019.1 and later)."""
    for key in keys_within(xmp, _IPTC):
        if key.endswith(":RegionBoundary"):
            _change_boundary(xmp, key + "/", change)


def _change_boundary(xmp: Any, boundary: str, change: FrameChange) -> None:
    prefix = boundary.split("/")[-2].partition(":")[0] + ":"
    field = f"{boundary}{prefix}"
    in_pixels = _text(xmp, f"{field}rbUnit", "") == "pixel"
    if not in_pixels and _text(xmp, f"{field}rbUnit", "") != "relative":
        raise ValueError("a boundary without a unit")
    for vertex in _structures(xmp, f"{field}rbVertices", f"{prefix}rbX"):
        _change_points(xmp, change, f"{vertex}{prefix}rb", ("X", "Y"), in_pixels)
    if f"{field}rbW" in xmp:
        _change_corner_box(xmp, change, f"{field}rb", in_pixels)
    elif f"{field}rbX" in xmp:
        _change_points(xmp, change, f"{field}rb", ("X", "Y"), in_pixels)
    if f"{field}rbRx" in xmp:
        factor = change.scale[0] if in_pixels else change.width / _turned_size(change)[0]
        _set(xmp, f"{field}rbRx", number_text(_number(xmp, f"{field}rbRx") * factor))


def _change_corner_box(xmp: Any, change: FrameChange, prefix: str, in_pixels: bool) -> None:
    """Change a box whose point is its upper left corner."""
    left, top, width, height = (_number(xmp, prefix + name) for name in "XYWH")
    size = (change.width, change.height) if in_pixels else (1, 1)
    new_size = (change.new_width, change.new_height) if in_pixels else (1, 1)
    box = change.box(left / size[0], top / size[1], width / size[0], height / size[1])
    for name, value, scale in zip("XYWH", box, new_size * 2, strict=True):
        _set(xmp, prefix + name, number_text(value * scale))


def _change_crop(xmp: Any, change: FrameChange) -> None:
    """Change a crop of Camera Raw that is not applied to the pixels yet.

    Raises:
      ValueError: the crop is slanted, so that its corners belong to the stored photo's axes.
    """
    applied = _text(xmp, f"{_CROP}AlreadyApplied", "False") == "True"
    if not change.turns or applied or any(_CROP + name not in xmp for name in _CROP_SIDES):
        return
    if f"{_CROP}CropAngle" in xmp and _number(xmp, f"{_CROP}CropAngle"):
        raise ValueError("a slanted crop")
    left, top, right, bottom = (_number(xmp, _CROP + name) for name in _CROP_SIDES)
    x, y, width, height = change.box(left, top, right - left, bottom - top)
    for name, value in zip(_CROP_SIDES, (x, y, x + width, y + height), strict=True):
        _set(xmp, _CROP + name, number_text(value))


_KINDS = (
    _Regions("face regions (mwg-rs)", re.compile(r"Xmp\.mwg-rs\.Regions"), _change_mwg),
    _Regions(
        "regions of people (Microsoft)", re.compile(r"Xmp\.MP\.RegionInfo"), _change_microsoft
    ),
    _Regions("image regions (IPTC)", re.compile(r"Xmp\.iptcExt\.ImageRegion"), _change_iptc),
    _Regions("crop of Camera Raw", re.compile(r"Xmp\.crs\.(Has)?Crop"), _change_crop),
)

_FIXED = {
    re.compile(r"Xmp\.acdsee-rs\."): "face regions (ACDSee)",
    re.compile(r"Xmp\.GDepth\."): "depth map (GDepth)",
    re.compile(r"Xmp\.GPano\."): "panorama (GPano)",
    re.compile(
        r"Xmp\.crs\.(?:\w+Based)?(?:Corrections|Retouch|RedEye|LensBlur|Perspective|Upright)"
    ): "local corrections of Camera Raw",
}
"""Properties that belong to the stored photo's axes and have no form in others."""


def _without_fixed(xmp: Any) -> Iterator[str]:
    applied = _text(xmp, f"{_CROP}AlreadyApplied", "False") == "True"
    for pattern, name in _FIXED.items():
        found = [key for key in keys(xmp) if pattern.match(key)]
        if found and not (applied and "crs" in pattern.pattern):
            remove(xmp, found)
            yield name


def _structures(xmp: Any, name: str, member: str) -> Iterator[str]:
    """Yield the path, with a slash, of each structure within a property that has this member."""
    for key in keys_within(xmp, name):
        if key.endswith(f"/{member}"):
            yield key.removesuffix(member)


def _change_points(
    xmp: Any, change: FrameChange, prefix: str, names: tuple[str, str], in_pixels: bool
) -> None:
    x, y = (_number(xmp, prefix + name) for name in names)
    moved = change.pixel_point(x, y) if in_pixels else change.point(x, y)
    for name, value in zip(names, moved, strict=True):
        _set(xmp, prefix + name, number_text(value))


def _change_lengths(
    xmp: Any,
    change: FrameChange,
    prefix: str,
    names: tuple[str, str],
    in_pixels: bool,
    whole: bool = False,
) -> None:
    """Change two lengths where they exist: a point or a circle has none."""
    if any(prefix + name not in xmp for name in names):
        return
    lengths = [_number(xmp, prefix + name) for name in names]
    for name, value in zip(
        names, change.lengths(*lengths) if in_pixels else change.exchanged(*lengths), strict=True
    ):
        _set(xmp, prefix + name, number_text(round(value) if whole else value))


def _number(xmp: Any, key: str) -> float:
    if key not in xmp:
        raise KeyError(key)
    return float(xmp[key].toString())


def _text(xmp: Any, key: str, default: str) -> str:
    return xmp[key].toString() if key in xmp else default


def _set(xmp: Any, key: str, text: str) -> None:
    xmp[key] = exiv2.XmpTextValue(text)
