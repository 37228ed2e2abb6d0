"""JPEG (ISO/IEC 10918-1) in JFIF or EXIF files, by libjpeg-turbo.

Pillow decodes what has 8 bits per channel; imagecodecs decodes 12 bits, lossless JPEG and JPEG-LS.
New files are baseline or progressive and have 8 bits.
"""

import io
from collections.abc import Iterator
from dataclasses import replace

import imagecodecs
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from cinegan_jax.photos.gain_map import attached, with_directory
from cinegan_jax.photos.jpeg_appended import read_appended
from cinegan_jax.photos.jpeg_layout import (
    JPEG_LS,
    LOSSLESS,
    SOS,
    JpegLayout,
    as_baseline,
    read_layout,
    with_height,
)
from cinegan_jax.photos.jpeg_metadata import EXIF_HEADER, jpeg_segments, read_jpeg_metadata
from cinegan_jax.photos.levels import full_range
from cinegan_jax.photos.photo import JpegCoding, OpenedImage, StoredImage
from cinegan_jax.photos.pillow_image import image_of, over_white, samples_of

_QUALITY = 95
"""Default quality for photos from other formats, without chroma subsampling (4:4:4)."""

_SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a JPEG file (see `registry.FormatModule`)."""
    layout = read_layout(data)
    data = with_height(data, layout)
    image = JpegImageFile(io.BytesIO(data if layout.by_pillow else as_baseline(data, layout)))

    def decode() -> StoredImage:
        samples, space = _samples(image, data, layout)
        found = read_jpeg_metadata(_header_segments(data, layout))
        appended = read_appended(data, layout)
        return StoredImage(
            samples,
            space,
            profile=image.info.get("icc_profile"),
            metadata=found.metadata,
            dpi=image.info.get("dpi"),
            coding=_coding(image) if layout.by_pillow else None,
            gain_map=appended.gain_map,
            notes=_notes(layout) + found.notes + appended.notes,
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
    if image.gain_map is not None:
        metadata = replace(metadata, xmp=with_directory(metadata.xmp, image.gain_map))
    image_of(over_white(image)).save(
        file,
        "jpeg",
        **compression,
        progressive=coding is not None and coding.progressive,
        dpi=image.dpi or (0, 0),
        icc_profile=image.profile,
        exif=metadata.exif and EXIF_HEADER + metadata.exif,
        extra=jpeg_segments(metadata),
    )
    photo = file.getvalue()
    return photo if image.gain_map is None else attached(photo, image.gain_map)


def _samples(image: JpegImageFile, data: bytes, layout: JpegLayout) -> tuple[np.ndarray, str]:
    """Decode the pixels; return samples uint8 or uint16 [h, w, channels] and colour model."""
    if layout.by_pillow:
        samples, space, _ = samples_of(image)
        return samples, space
    decoder = imagecodecs.jpegls_decode if layout.process == JPEG_LS else imagecodecs.jpeg8_decode
    samples = decoder(data).reshape(image.height, image.width, layout.components)
    if layout.components == 4:
        samples = (1 << layout.bits) - 1 - samples  # the complement, as in Adobe's files
    return full_range(samples, layout.bits), _SPACES[layout.components]


def _notes(layout: JpegLayout) -> tuple[str, ...]:
    """Return what a JPEG that is made of this one loses."""
    notes = []
    if layout.process in (LOSSLESS, JPEG_LS):
        notes.append("is compressed without loss, but a new JPEG is not; TIFF and PNG are")
    if layout.bits > 8:
        notes.append(f"has {layout.bits} bits per channel, a new JPEG 8; TIFF and PNG keep them")
    return tuple(notes)


def _header_segments(data: bytes, layout: JpegLayout) -> Iterator[tuple[int, bytes]]:
    """Yield second byte of the marker and content of each segment before the first scan."""
    for segment in layout.segments:
        if segment.marker == SOS:
            return
        yield segment.marker, data[segment.start + 4 : segment.stop]


def _coding(image: JpegImageFile) -> JpegCoding:
    tables = tuple(tuple(table) for _, table in sorted(image.quantization.items()))
    subsampling = max(0, get_sampling(image))  # unknown ones keep full chroma
    return JpegCoding(tables, subsampling, bool(image.info.get("progressive")))
