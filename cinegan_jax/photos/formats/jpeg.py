"""JPEG (ISO/IEC 10918-1) in JFIF or EXIF files, by libjpeg-turbo."""

import io
import struct

from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import JpegCoding, OpenedImage, StoredImage
from cinegan_jax.photos.pillow_image import image_of, over_white, samples_of

_QUALITY = 95
"""Default quality for photos from other formats, without chroma subsampling (4:4:4)."""

_LARGEST_SEGMENT = 65533
_EXIF_HEADER = b"Exif\0\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC = 0x0404
"""Number of the IPTC-IIM block among Photoshop's blocks in APP13."""


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a JPEG file (see `registry.FormatModule`)."""
    image = JpegImageFile(io.BytesIO(data))

    def decode() -> StoredImage:
        samples, space, _ = samples_of(image)
        return StoredImage(
            samples,
            space,
            profile=image.info.get("icc_profile"),
            metadata=_metadata(image),
            dpi=image.info.get("dpi"),
            coding=_coding(image),
        )

    def reduce(width: int, height: int) -> None:
        image.draft(None, (width, height))

    return OpenedImage("jpeg", image.width, image.height, decode, reduce=reduce)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a JPEG file; without a quality, with the source's tables and subsampling."""
    coding = image.coding if isinstance(image.coding, JpegCoding) else None
    if quality is None and coding is not None:
        compression = {"qtables": coding.quantization, "subsampling": coding.subsampling}
    else:
        compression = {"quality": quality or _QUALITY}
        compression["subsampling"] = coding.subsampling if coding else 0
    file = io.BytesIO()
    metadata = image.metadata
    image_of(over_white(image)).save(
        file,
        "jpeg",
        **compression,
        progressive=coding is not None and coding.progressive,
        dpi=image.dpi or (0, 0),
        icc_profile=image.profile,
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
    subsampling = max(0, get_sampling(image))  # unknown ones keep full chroma
    return JpegCoding(tables, subsampling, bool(image.info.get("progressive")))


def _fitting(header: bytes, content: bytes) -> bytes:
    """Return `content`, or nothing where it does not fit into a segment of a JPEG."""
    return content if len(header) + len(content) <= _LARGEST_SEGMENT else b""


def _photoshop_segment(iptc: bytes) -> bytes:
    block = struct.pack(">4sHHL", b"8BIM", _IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    content = b"Photoshop 3.0\0" + block
    if not iptc or len(content) > _LARGEST_SEGMENT:
        return b""
    return b"\xff\xed" + struct.pack(">H", 2 + len(content)) + content
