"""TIFF 6.0 with 8 and 16 bits a channel, by tifffile; Pillow reduces 16-bit colour to 8."""

import io
import logging
from fractions import Fraction

import numpy as np
import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC, TiffPage

from cinegan_jax.photos import metadata as metadata_of
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.opened import Opened, Unsupported
from cinegan_jax.photos.photo import Picture, TiffCoding

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its notes go to stderr

_SPACES: dict[int, str] = {
    PHOTOMETRIC.MINISWHITE: "GRAY",
    PHOTOMETRIC.MINISBLACK: "GRAY",
    PHOTOMETRIC.RGB: "RGB",
    PHOTOMETRIC.YCBCR: "RGB",
    PHOTOMETRIC.SEPARATED: "CMYK",
}
_CHANNELS = {"GRAY": 1, "RGB": 3, "LAB": 3, "CMYK": 4}
_KEPT = (COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.ZSTD)
"""Compressions that are written again; others give way to deflate, which is lossless too."""


def open_file(data: bytes) -> Opened:
    file = tifffile.TiffFile(io.BytesIO(data))
    page = file.pages.first

    def decode() -> Picture:
        space = _space(page)
        samples, alpha = _samples(page, space)
        return Picture(
            samples,
            space,
            alpha,
            profile=page.iccprofile,
            metadata=_metadata(page, data),
            dpi=_dpi(page),
            coding=TiffCoding(int(page.compression), int(page.predictor)),
            notes=_notes(file),
        )

    return Opened("tiff", page.imagewidth, page.imagelength, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """With the source's compression where it is lossless; `quality` does not matter."""
    samples = picture.samples
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha[..., None]], axis=-1)
    grey = picture.samples.shape[-1] == 1
    if samples.shape[-1] == 1:
        samples = samples[..., 0]
    coding = picture.coding if isinstance(picture.coding, TiffCoding) else None
    compression = coding.compression if coding else COMPRESSION.ADOBE_DEFLATE
    if compression not in _KEPT:
        compression = COMPRESSION.ADOBE_DEFLATE
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        samples,
        photometric="minisblack" if grey else "rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        compression=compression,
        predictor=compression != COMPRESSION.NONE,
        iccprofile=picture.profile,
        resolution=picture.dpi,
        resolutionunit="inch" if picture.dpi else None,
        metadata=None,
        software=False,
        extratags=_extra_tags(picture.metadata),
    )
    if not picture.metadata.exif:
        return file.getvalue()
    return metadata_of.with_exif(file.getvalue(), picture.metadata.exif)


def _space(page: TiffPage) -> str:
    space = _SPACES.get(page.photometric)
    if space is None or page.dtype not in (np.uint8, np.uint16, np.bool_):
        raise Unsupported("a TIFF of a kind that is not read; save it as RGB with 8 or 16 bits")
    return space


def _samples(page: TiffPage, space: str) -> tuple[np.ndarray, np.ndarray | None]:
    whole = page.asarray()
    whole = whole.reshape(page.shaped)[0]
    whole = whole[0] if page.planarconfig == 1 else np.moveaxis(whole, 0, -1)
    channels = _CHANNELS[space]
    alpha = None
    if page.extrasamples and page.extrasamples[0] in (1, 2):
        alpha = np.ascontiguousarray(whole[..., channels])
    samples = np.ascontiguousarray(whole[..., :channels])
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        samples = ~samples
    return samples, alpha


def _metadata(page: TiffPage, data: bytes) -> Metadata:
    found = metadata_of.of_file(data)
    return Metadata(found.exif, _tag(page, 700), _tag(page, 33723))


def _tag(page: TiffPage, code: int) -> bytes:
    tag = page.tags.get(code)
    return bytes(tag.value) if tag is not None and isinstance(tag.value, bytes) else b""


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    if page.resolutionunit not in (2, 3):
        return None
    scale = 1.0 if page.resolutionunit == 2 else 2.54
    x, y = (float(Fraction(*page.tags[code].value)) * scale for code in (282, 283))
    return x, y


def _notes(file: tifffile.TiffFile) -> tuple[str, ...]:
    pages = sum(isinstance(page, TiffPage) and not page.is_reduced for page in file.pages)
    return (f"has {pages} pages; the first is taken",) if pages > 1 else ()


def _extra_tags(metadata: Metadata) -> list[tuple[int, int, int, bytes, bool]]:
    tags = ((700, 1, metadata.xmp), (33723, 7, metadata.iptc))
    return [(code, kind, len(value), value, True) for code, kind, value in tags if value]
