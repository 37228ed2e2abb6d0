"""Images and videos that follow the photo in a JPEG file."""

from dataclasses import dataclass

from cinegan_jax.photos.gain_map import gain_map_of
from cinegan_jax.photos.jpeg_layout import JpegLayout, read_layout
from cinegan_jax.photos.multi_picture import further_images
from cinegan_jax.photos.photo import GainMap

_VIDEO_MARK = b"ftyp"
_SAMSUNG_VIDEO = b"MotionPhoto_Data"
_APPLE_MAP = b"HDRGainMap"
_PADDING = b"\0\xff \r\n"


@dataclass(frozen=True)
class Appended:
    """Contents of a JPEG file after the photo."""

    gain_map: GainMap | None = None
    notes: tuple[str, ...] = ()
    """Messages about data that is left out."""


def read_appended(data: bytes, layout: JpegLayout) -> Appended:
    """Read what follows the photo in a JPEG file."""
    gain_map, notes, others = None, list[str](), 0
    stop = layout.stop
    for start, end, is_preview in _images(data, layout):
        stop = max(stop, end)
        found = _read_map(data[start:end])
        if found is not None:
            gain_map = gain_map or found
        elif _APPLE_MAP in data[start : start + 65536]:
            notes.append("its HDR gain map by Apple is left out")
        elif not is_preview:
            others += 1
    if others:
        notes.append(f"{others} further image{'s' * (others > 1)} in the file left out")
    if rest := data[stop:].strip(_PADDING):
        notes.append(_name_of(rest))
    return Appended(gain_map, tuple(notes))


def _images(data: bytes, layout: JpegLayout) -> list[tuple[int, int, bool]]:
    """Return start, stop and whether it is a preview of each further image."""
    found = sorted(image for image in further_images(data, layout) if image[0] >= layout.stop)
    if not found and data.startswith(b"\xff\xd8\xff", layout.stop):
        following = _layout_of(data[layout.stop :])
        if following is not None:
            found = [(layout.stop, layout.stop + following.stop, False)]
    return found


def _layout_of(jpeg: bytes) -> JpegLayout | None:
    try:
        return read_layout(jpeg)
    except Exception:  # it is left out, whatever is wrong with it
        return None


def _read_map(jpeg: bytes) -> GainMap | None:
    try:
        return gain_map_of(jpeg)
    except Exception:  # it is left out, whatever is wrong with it
        return None


def _name_of(rest: bytes) -> str:
    if _VIDEO_MARK in rest[:64] or _SAMSUNG_VIDEO in rest:
        return "the video of a motion photo is left out"
    return f"{len(rest)} bytes of other data after the image are left out"
