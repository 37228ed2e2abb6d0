"""Gain maps, depth, masks and videos in AVIF, HEIC and JPEG XL files, which are left out."""

import contextlib
import re
import struct

from cinegan_jax.photos.isobmff import boxes

_GAIN_MAP = "its gain map (HDR) is left out"
_VIDEO = "the video of a motion photo is left out"
_NOTES_BY_BOX = {b"mpvd": _VIDEO, b"jhgm": _GAIN_MAP}
"""Top-level boxes: of motion photos (Google), and of gain maps in JPEG XL (ISO/IEC 18181-2)."""
_NOTES_BY_META = (
    (re.compile(rb"infe.{8}(?:..)?tmap|aux:hdrgainmap", re.DOTALL), _GAIN_MAP),
    (re.compile(rb"hevc:2015:auxid:2\0|auxiliary:depth|aux:disparity"), "its depth is left out"),
    (re.compile(rb"aux:(?:portraiteffects|semantic\w*)matte"), "its masks are left out"),
)
"""Items and types of auxiliary images (ISO 21496-1, ISO/IEC 23008-12, Apple)."""


def notes_on_further_items(data: bytes) -> tuple[str, ...]:
    """Return a note for each kind of content that is left out of a file of boxes."""
    found: list[str] = []
    with contextlib.suppress(ValueError, struct.error):  # other data may follow the last box
        for name, content in boxes(data):
            if name in _NOTES_BY_BOX:
                found.append(_NOTES_BY_BOX[name])
            if name == b"meta":
                found += [note for pattern, note in _NOTES_BY_META if pattern.search(content)]
    return tuple(dict.fromkeys(found))
