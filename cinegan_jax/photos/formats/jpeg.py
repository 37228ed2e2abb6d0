"""JPEG (ISO/IEC 10918-1), in JFIF or EXIF, by libjpeg-turbo."""

import io
import struct

from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import JpegCoding, Opened, Picture
from cinegan_jax.photos.pillow_image import image_of, over_white, samples_of

QUALITY = 95
"""Of a photo that comes from another format; colours are then kept at full size (4:4:4)."""

_LARGEST_SEGMENT = 65533
_EXIF_HEADER = b"Exif\0\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC = 0x0404
"""The number of IPTC-IIM among Photoshop's blocks, in APP13."""


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    image = JpegImageFile(io.BytesIO(data))

    def decode() -> Picture:
        samples, space, _ = samples_of(image)
        return Picture(
            samples,
            space,
            profile=image.info.get("icc_profile"),
            metadata=_metadata(image),
            dpi=image.info.get("dpi"),
            coding=_coding(image),
        )

    return Opened("jpeg", image.width, image.height, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """With the source's tables and subsampling unless a quality is given."""
    coding = picture.coding if isinstance(picture.coding, JpegCoding) else None
    if quality is None and coding is not None:
        compression = {"qtables": coding.quantization, "subsampling": coding.subsampling}
    else:
        compression = {"quality": quality or QUALITY}
        compression["subsampling"] = coding.subsampling if coding else 0
    file = io.BytesIO()
    metadata = picture.metadata
    image_of(over_white(picture)).save(
        file,
        "jpeg",
        **compression,
        progressive=coding is not None and coding.progressive,
        dpi=picture.dpi or (0, 0),
        icc_profile=picture.profile,
        exif=_fitting(_EXIF_HEADER, metadata.exif) and _EXIF_HEADER + metadata.exif,
        xmp=_fitting(_XMP_HEADER, metadata.xmp),
        extra=_photoshop_segment(metadata.iptc),
    )
    return file.getvalue()


def _metadata(image: JpegImageFile) -> Metadata:
    photoshop = image.info.get("photoshop", {})
    return Metadata(
        exif=image.info.get("exif", b"").removeprefix(_EXIF_HEADER),
        xmp=image.info.get("xmp", b""),
        iptc=photoshop.get(_IPTC, b""),
    )


def _coding(image: JpegImageFile) -> JpegCoding:
    tables = tuple(tuple(table) for _, table in sorted(image.quantization.items()))
    subsampling = max(0, get_sampling(image))  # unknown ones keep all colour
    return JpegCoding(tables, subsampling, bool(image.info.get("progressive")))


def _fitting(header: bytes, content: bytes) -> bytes:
    """`content`, or nothing where a JPEG's segment cannot hold it."""
    return content if len(header) + len(content) <= _LARGEST_SEGMENT else b""


def _photoshop_segment(iptc: bytes) -> bytes:
    block = struct.pack(">4sHHL", b"8BIM", _IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    content = b"Photoshop 3.0\0" + block
    if not iptc or len(content) > _LARGEST_SEGMENT:
        return b""
    return b"\xff\xed" + struct.pack(">H", 2 + len(content)) + content
