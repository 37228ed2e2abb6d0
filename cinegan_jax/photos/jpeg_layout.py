"""Segments and coding process of a JPEG file (ITU-T T.81, annex B), read before decoding."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cinegan_jax.photos.limits import (
    MAX_JPEG_EXIF_SEGMENTS,
    MAX_JPEG_PADDING,
    MAX_JPEG_PHOTOSHOP_SEGMENTS,
    MAX_JPEG_SCANS,
    MAX_JPEG_SEGMENTS,
    require_at_most,
)
from cinegan_jax.photos.photo import Unsupported

EOI, SOS, DNL, DHP = 0xD9, 0xDA, 0xDC, 0xDE
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
LOSSLESS, _ARITHMETIC_LOSSLESS, JPEG_LS = 0xC3, 0xCB, 0xF7
_DCT = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
"""Baseline, extended and progressive frames with Huffman coding, then with arithmetic coding."""
_PRECISIONS = {
    **dict.fromkeys(_DCT, (8, 12)),
    LOSSLESS: tuple(range(2, 17)),
    JPEG_LS: tuple(range(2, 17)),
}
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""Start of a segment, which ends the coded data of a scan too: every marker but restarts."""


@dataclass(frozen=True)
class Segment:
    """Marker segment of a JPEG."""

    marker: int
    """Second byte of the marker, such as 0xE1 for APP1."""
    start: int
    """Position of the marker in the file."""
    stop: int
    """Position of the byte after the segment, without the coded data of a scan."""

    def starts(self, data: bytes, marker: int, prefix: bytes) -> bool:
        """Return True if this segment of `data` has a marker and begins with `prefix`."""
        return self.marker == marker and data.startswith(prefix, self.start + 4)


@dataclass(frozen=True)
class JpegLayout:
    """Segments, frame and end of a JPEG."""

    segments: tuple[Segment, ...]
    frame: Segment
    """Segment SOF, which gives bits, size and components."""
    process: int
    """Second byte of its marker: 0xC0 for baseline, 0xC3 for lossless, 0xF7 for JPEG-LS."""
    bits: int
    components: int
    stop: int
    """Position of the byte after the image, where trailing data starts."""

    @property
    def by_pillow(self) -> bool:
        """True if Pillow decodes the image."""
        return self.process in _DCT and self.bits == 8


def read_layout(data: bytes) -> JpegLayout:
    """Read the segments of a JPEG file.

    Raises:
      Unsupported: no decoder reads this kind of JPEG, or a count exceeds its limit.
      ValueError: there is no frame.
    """
    found, stop = _counted_segments(data)
    frame = next((segment for segment in found if segment.marker in _FRAMES), None)
    if frame is None or frame.stop - frame.start < 10:
        raise ValueError("no frame header in a JPEG")
    hierarchical = any(segment.marker == DHP for segment in found)
    bits, components = data[frame.start + 4], data[frame.start + 9]
    _require_supported(frame.marker, bits, components, hierarchical)
    return JpegLayout(found, frame, frame.marker, bits, components, stop)


def with_height(data: bytes, layout: JpegLayout) -> bytes:
    """Write the number of lines from a segment DNL into a frame that leaves it open (B.2.5).

    Raises:
      Unsupported: neither states the height.
    """
    start = layout.frame.start + 5
    if data[start : start + 2] != b"\0\0":
        return data
    lines = next((part for part in layout.segments if part.marker == DNL), None)
    if lines is None:
        raise Unsupported("a JPEG whose header gives no height")
    height = data[lines.start + 4 : lines.start + 6]
    return data[:start] + height + data[start + 2 : lines.start] + data[lines.stop :]


def as_baseline(data: bytes, layout: JpegLayout) -> bytes:
    """Return the file up to its frame, marked as baseline of 8 bits.

    Pillow opens it and reads size and metadata, whatever the kind of the JPEG.
    """
    frame = layout.frame
    length = data[frame.start + 2 : frame.start + 4]
    return data[: frame.start] + b"\xff\xc0" + length + b"\x08" + data[frame.start + 5 :]


def _require_supported(process: int, bits: int, components: int, hierarchical: bool) -> None:
    kind = None
    if hierarchical:
        kind = "a hierarchical JPEG"
    elif process == _ARITHMETIC_LOSSLESS:
        kind = "a lossless JPEG with arithmetic coding"
    elif process not in _PRECISIONS:
        kind = f"a JPEG of process {process - 0xC0}, which only hierarchical files use"
    elif bits not in _PRECISIONS[process]:
        kind = f"a JPEG of {bits} bits per channel"
    elif components not in (1, 3, 4):
        kind = f"a JPEG of {components} channels"
    elif components == 4 and process in (LOSSLESS, JPEG_LS):
        kind = "a lossless JPEG of 4 channels"
    if kind is not None:
        raise Unsupported(f"{kind}, which is not supported; save it as TIFF or baseline JPEG")


def _counted_segments(data: bytes) -> tuple[tuple[Segment, ...], int]:
    found: list[Segment] = []
    scans = exif = photoshop = padding = 0
    for segment in _segments(data):
        if segment.marker == EOI:
            return tuple(found), segment.stop
        if not scans:
            padding += segment.start - (found[-1].stop if found else 2)
        found.append(segment)
        scans += segment.marker == SOS
        exif += segment.starts(data, 0xE1, b"Exif\0")
        photoshop += segment.starts(data, 0xED, b"Photoshop")
        require_at_most(exif, MAX_JPEG_EXIF_SEGMENTS, "segments of EXIF")
        require_at_most(photoshop, MAX_JPEG_PHOTOSHOP_SEGMENTS, "segments of Photoshop's blocks")
        require_at_most(len(found), MAX_JPEG_SEGMENTS, "segments")
        require_at_most(scans, MAX_JPEG_SCANS, "scans")
        require_at_most(padding, MAX_JPEG_PADDING, "bytes between its segments")
    return tuple(found), len(data)


def _segments(data: bytes) -> Iterator[Segment]:
    start = 2
    while (match := _MARKER.search(data, start)) is not None:
        start, marker = match.start(), data[match.start() + 1]
        size = 0 if marker == EOI else int.from_bytes(data[start + 2 : start + 4])
        yield Segment(marker, start, start + 2 + size)
        start += 2 + size
