"""Gain map of an Ultra HDR JPEG: how much brighter an HDR screen shows each part of the photo.

A look changes the photo in standard range, and the gain map multiplies its light as before. The map
is kept in JPEG results, turned upright with the photo.
"""

import io
import struct
from dataclasses import replace

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cinegan_jax.photos.jpeg_layout import JpegLayout, Segment, read_layout
from cinegan_jax.photos.multi_picture import index_segment
from cinegan_jax.photos.orientation import turned_upright
from cinegan_jax.photos.photo import GainMap

_APP1, _APP2 = 0xE1, 0xE2
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_HDRGM = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_BACKWARD = 0x04
"""Flag of ISO 21496-1: the map leads from an HDR image to one in standard range."""
_QUALITY = 98
_DIRECTORY = """<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0">
<Container:Directory><rdf:Seq>
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/>
</rdf:li>
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"
 Item:Length="%d"/></rdf:li>
</rdf:Seq></Container:Directory></rdf:Description>
"""
_EMPTY_PACKET = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)
_END_OF_PACKET = b"</rdf:RDF>"


def turned(gain_map: GainMap, orientation: int) -> GainMap:
    """Return the map turned upright by an EXIF orientation 1..8."""
    if orientation == 1:
        return gain_map
    stored = np.asarray(JpegImageFile(io.BytesIO(gain_map.jpeg)))
    file = io.BytesIO()
    image = Image.fromarray(turned_upright(stored, orientation))
    image.save(file, "jpeg", quality=_QUALITY, subsampling=0)
    upright = file.getvalue()
    parameters = _parameter_segments(gain_map.jpeg, read_layout(gain_map.jpeg))
    kept = b"".join(gain_map.jpeg[part.start : part.stop] for part in parameters)
    return replace(gain_map, jpeg=upright[:2] + kept + upright[2:])


def gain_map_of(jpeg: bytes) -> GainMap | None:
    """Return a JPEG as a gain map; None if it is another image, or is for an HDR base image."""
    layout = read_layout(jpeg)
    parameters = _parameter_segments(jpeg, layout)
    xmp = [part for part in parameters if part.marker == _APP1]
    iso = [part for part in parameters if part.marker == _APP2]
    if not parameters or layout.components not in (1, 3) or not layout.by_pillow:
        return None
    flags = jpeg[iso[0].start + 4 + len(_ISO) + 4] if iso else 0
    if flags & _BACKWARD or any(_is_for_hdr(jpeg[part.start : part.stop]) for part in xmp):
        return None
    return GainMap(jpeg[: layout.stop], layout.components, bool(xmp), bool(iso))


def with_directory(xmp: bytes, gain_map: GainMap) -> bytes:
    """Add the list of a photo and its gain map to the photo's XMP packet."""
    if not gain_map.has_xmp:
        return xmp
    packet = xmp if _END_OF_PACKET in xmp else _EMPTY_PACKET
    before, end, after = packet.rpartition(_END_OF_PACKET)
    return before + (_DIRECTORY % len(gain_map.jpeg)).encode() + end + after


def attached(photo: bytes, gain_map: GainMap) -> bytes:
    """Return the JPEG of a photo with an index and the gain map after it."""
    layout = read_layout(photo)
    place = next(part.start for part in layout.segments if not _is_at_start(part.marker))
    iso = b""
    if gain_map.has_iso:
        content = _ISO + bytes(4)  # the version; the parameters are with the map
        iso = struct.pack(">BBH", 0xFF, _APP2, 2 + len(content)) + content
    index = index_segment(len(photo) + len(iso), place + len(iso), len(gain_map.jpeg))
    return photo[:place] + iso + index + photo[place:] + gain_map.jpeg


def _is_at_start(marker: int) -> bool:
    """Return True for segments of JFIF, EXIF and XMP, which readers expect first."""
    return marker in (0xE0, _APP1)


def _parameter_segments(jpeg: bytes, layout: JpegLayout) -> list[Segment]:
    return [
        part
        for part in layout.segments
        if part.starts(jpeg, _APP2, _ISO)
        or (part.starts(jpeg, _APP1, _XMP) and _HDRGM in jpeg[part.start : part.stop])
    ]


def _is_for_hdr(xmp: bytes) -> bool:
    text = xmp.lower()
    return b'baserenditionishdr="true"' in text or b"baserenditionishdr>true" in text
