"""JPEG XL (ISO/IEC 18181) with 8 to 16 bits or floating point, by libjxl.

imagecodecs decodes and encodes. pyjpegxl, of the extra `jxl`, reads embedded ICC profiles. Files
are written with a named colour space instead of a profile.
"""

from collections.abc import Mapping
from dataclasses import replace

import imagecodecs
import numpy as np

from cinegan_jax.core.errors import how_to_install
from cinegan_jax.photos import cicp
from cinegan_jax.photos import metadata as metadata_of
from cinegan_jax.photos.alpha import divided_by_alpha
from cinegan_jax.photos.float_levels import sixteen_bits_of_floats
from cinegan_jax.photos.further_items import notes_on_further_items
from cinegan_jax.photos.isobmff import box, boxes
from cinegan_jax.photos.jxl_colours import NamedColours, named_colours, with_colours
from cinegan_jax.photos.jxl_header import JxlHeader, read_jxl_header
from cinegan_jax.photos.levels import full_range
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import FileMetadata, JxlCoding, OpenedImage, StoredImage, Unsupported
from cinegan_jax.photos.pillow_image import joined, split
from cinegan_jax.photos.profiles import own_colours, unclipped_light

try:
    import pyjpegxl
except ImportError:
    pyjpegxl = None  # type: ignore[assignment]

_QUALITY = 90
"""Default quality, at which the loss cannot be seen; libjxl's distance 1."""
_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_SRGB_TO_BT2020 = np.array(
    ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)), np.float32
)
"""Matrix between linear lights (ITU-R BT.2087)."""
_MOST_METADATA = 1 << 24
"""Bytes of a compressed box after decompression; larger ones make the file unreadable."""
_OUTSIDE = 0.002
"""Linear light below zero from which a colour is outside sRGB."""
_FILE_TYPE = b"jxl \0\0\0\0jxl "


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a JPEG XL file (see `registry.FormatModule`)."""
    parts = _boxes(data)
    header = read_jxl_header(parts[b"jxlc"][:5000])

    def decode() -> StoredImage:
        """Decode the pixels; libjxl also applies the orientation, and EXIF's does not count."""
        whole, profile, notes = _decoded(data, header)
        samples, space, alpha = split(whole)
        if alpha is not None and header.associated_alpha:
            samples = divided_by_alpha(samples, alpha)
        if header.animated:
            notes += ("has several frames; the first is used",)
        lossless = not header.xyb and b"jbrd" not in parts
        further = notes_on_further_items(data) if data.startswith(_SIGNATURE) else ()
        return StoredImage(
            samples, space, alpha, profile, coding=JxlCoding(lossless), notes=notes + further
        )

    def read_metadata(image: StoredImage) -> FileMetadata:
        stored, damage = metadata_of.readable_parts(_metadata(parts))
        height, width = image.samples.shape[:2]
        shot, lost = metadata_of.upright(stored, header.orientation, width, height, srgb=False)
        return FileMetadata(shot, damage + lost)

    return OpenedImage("jxl", header.width, header.height, decode, read_metadata)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a JPEG XL file; lossless where the source is, unless a quality is given."""
    lossless = quality is None and isinstance(image.coding, JxlCoding) and image.coding.lossless
    distance = 0.0 if lossless else _distance(quality or _QUALITY)
    bits = 8 * image.samples.itemsize
    colours = _colours(image)
    if distance and (bits > 8 or colours.profile):
        own = own_colours(colours.profile) if colours.profile else None
        light = unclipped_light(image.samples, own)
        alpha = None if image.alpha is None else image.alpha / np.float32(2**bits - 1)
        whole = joined(replace(image, samples=light, alpha=alpha))
    else:
        whole = joined(image)
    file = imagecodecs.jpegxl_encode(
        np.ascontiguousarray(whole), lossless=not distance, distance=distance or None
    )
    codestream = _boxes(bytes(file))[b"jxlc"]
    if bits > 8 or colours.profile:
        codestream = with_colours(codestream, bits, colours)
    return _with_metadata(codestream, image.metadata)


def embeds(profile: bytes, grey: bool) -> bool:
    """Return True if a file can state the colours of a profile other than that of sRGB."""
    return named_colours(profile, grey) is not None


def _colours(image: StoredImage) -> NamedColours:
    grey = image.space == "GRAY"
    named = named_colours(image.profile, grey) if image.profile else None
    return named or NamedColours(grey=grey)


def _boxes(data: bytes) -> Mapping[bytes, bytes]:
    """Return the boxes of a file by name, with the whole codestream as `jxlc`."""
    if not data.startswith(_SIGNATURE):
        return {b"jxlc": data}
    found: dict[bytes, bytes] = {}
    for name, content in boxes(data):
        if name == b"brob" and content[:4] in (b"Exif", b"xml "):  # compressed by Brotli
            inflated = imagecodecs.brotli_decode(content[4:], out=_MOST_METADATA)
            name, content = content[:4], bytes(inflated)
        if name == b"jxlp":
            found[b"jxlc"] = found.get(b"jxlc", b"") + content[4:]
        else:
            found.setdefault(name, content)
    if b"jxlc" not in found:
        raise ValueError("no codestream")
    return found


def _metadata(parts: Mapping[bytes, bytes]) -> Metadata:
    exif = parts.get(b"Exif", b"")
    start = 4 + int.from_bytes(exif[:4])
    return Metadata(exif[start:].removeprefix(b"Exif\0\0"), parts.get(b"xml ", b""))


def _decoded(data: bytes, header: JxlHeader) -> tuple[np.ndarray, bytes | None, tuple[str, ...]]:
    """Return samples uint8 or uint16 [h, w, channels], their profile, and remarks."""
    if header.has_icc and pyjpegxl is None:
        raise Unsupported(
            f"a JPEG XL file with an ICC profile; to read it: {how_to_install('jxl')}"
        )
    if header.has_icc and header.xyb:
        return _from_light(data, header)
    whole = imagecodecs.jpegxl_decode(data, index=0 if header.animated else None)
    profile = pyjpegxl.probe(data).icc if header.has_icc else header.profile
    if whole.dtype.kind == "f":
        samples, notes = sixteen_bits_of_floats(whole)
        return samples, profile, notes
    return full_range(whole, header.bits), profile, ()


def _from_light(data: bytes, header: JxlHeader) -> tuple[np.ndarray, bytes | None, tuple[str, ...]]:
    """Decode XYB with an embedded profile, which libjxl decodes to linear sRGB instead.

    Colours outside sRGB are negative there; an image that has any is returned in BT.2020.
    """
    if header.animated:
        raise Unsupported("an animated JPEG XL file with an ICC profile; save one frame of it")
    _, light = pyjpegxl.decode_to_numpy(data, dtype="float32")
    channels, profile = 1 if header.grey else 3, None
    if light[..., :channels].min() < -_OUTSIDE:
        light[..., :3] = light[..., :3] @ _SRGB_TO_BT2020.T
        profile = cicp.profile_with(cicp.BT2020, cicp.SRGB_CURVE)
    light = np.clip(light, 0, 1)
    colour = light[..., :channels]
    light[..., :channels] = np.where(
        colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055
    )
    return np.rint(light * np.float32(65535)).astype(np.uint16), profile, ()


def _distance(quality: int) -> float:
    """Return libjxl's Butteraugli distance for a quality 1..100, as its own tools do."""
    if quality >= 100:
        return 0.0
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _with_metadata(codestream: bytes, metadata: Metadata) -> bytes:
    parts = [_SIGNATURE, box(b"ftyp", _FILE_TYPE)]
    if metadata.exif:
        parts.append(box(b"Exif", bytes(4) + metadata.exif))
    if metadata.xmp:
        parts.append(box(b"xml ", metadata.xmp))
    return b"".join((*parts, box(b"jxlc", codestream)))
