"""WebP (RFC 9649), lossy and lossless, by libwebp."""

import io

import imagecodecs

from cinegan_jax.photos.limits import MAX_CHUNKS, require_at_most
from cinegan_jax.photos.metadata import Metadata, left_out
from cinegan_jax.photos.metadata.blocks import CREDENTIALS
from cinegan_jax.photos.photo import OpenedImage, StoredImage, WebpCoding
from cinegan_jax.photos.pillow_image import image_of, split
from cinegan_jax.photos.riff import riff_chunks

_QUALITY = 95
"""Default quality of lossy files; a file does not record the quality it was written with."""


_KNOWN_CHUNKS = frozenset(
    (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ")
)


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a WebP file (see `registry.FormatModule`)."""
    chunks: dict[bytes, bytes] = {}
    frames = 0
    for count, (name, content) in enumerate(riff_chunks(data), 1):
        require_at_most(count, MAX_CHUNKS, "chunks")
        chunks.setdefault(name, content)
        frames += name == b"ANMF"
    width, height = _size(chunks)

    def decode() -> StoredImage:
        samples, space, alpha = split(imagecodecs.webp_decode(data))
        return StoredImage(
            samples,
            space,
            alpha,
            profile=chunks.get(b"ICCP"),
            metadata=Metadata(
                chunks.get(b"EXIF", b"").removeprefix(b"Exif\0\0"), chunks.get(b"XMP ", b"")
            ),
            coding=WebpCoding(lossless=b"VP8L" in chunks),
            notes=_notes(chunks, frames),
        )

    return OpenedImage("webp", width, height, decode)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a WebP file; lossless where the source is, unless a quality is given."""
    coding = image.coding
    lossless = quality is None and isinstance(coding, WebpCoding) and coding.lossless
    file = io.BytesIO()
    image_of(image).save(
        file,
        "webp",
        lossless=lossless,
        exact=True,
        quality=60 if lossless else quality or _QUALITY,
        icc_profile=image.profile or b"",
        exif=image.metadata.exif,
        xmp=image.metadata.xmp,
    )
    return file.getvalue()


def _notes(chunks: dict[bytes, bytes], frames: int) -> tuple[str, ...]:
    notes = (f"has {frames} frames; the first is used",) if frames > 1 else ()
    others = [name for name in chunks if name not in _KNOWN_CHUNKS]
    names = (
        CREDENTIALS if name == b"C2PA" else f"chunk {name.decode('ascii', errors='replace')}"
        for name in others
    )
    return notes + left_out(names)


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Return width and height (RFC 9649, sections 2.5 to 2.7)."""
    if b"VP8X" in chunks:
        header = chunks[b"VP8X"]
        return 1 + int.from_bytes(header[4:7], "little"), 1 + int.from_bytes(header[7:10], "little")
    if b"VP8L" in chunks:
        bits = int.from_bytes(chunks[b"VP8L"][1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    header = chunks[b"VP8 "]
    return (
        int.from_bytes(header[6:8], "little") & 0x3FFF,
        int.from_bytes(header[8:10], "little") & 0x3FFF,
    )
