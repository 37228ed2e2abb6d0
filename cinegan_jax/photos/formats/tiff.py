"""TIFF 6.0 with 8 and 16 bits a channel, by tifffile; Pillow reduces 16-bit colour to 8."""

import io
import logging
from typing import Any

import numpy as np
import tifffile
from PIL.JpegImagePlugin import JpegImageFile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from cinegan_jax.photos import metadata as metadata_of
from cinegan_jax.photos.formats.registry import module_of
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import Opened, Picture, TiffCoding, Unsupported
from cinegan_jax.photos.pillow_image import joined
from cinegan_jax.photos.profiles import lab_to_srgb, srgb_profile

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its notes go to stderr

_SPACES: dict[int, str] = {
    PHOTOMETRIC.MINISWHITE: "GRAY",
    PHOTOMETRIC.MINISBLACK: "GRAY",
    PHOTOMETRIC.RGB: "RGB",
    PHOTOMETRIC.YCBCR: "RGB",  # tifffile decodes JPEG inside TIFF to RGB
    PHOTOMETRIC.PALETTE: "RGB",
    PHOTOMETRIC.SEPARATED: "CMYK",
    PHOTOMETRIC.CIELAB: "LAB",
    PHOTOMETRIC.ICCLAB: "LAB",
}
_CHANNELS = {"GRAY": 1, "RGB": 3, "LAB": 3, "CMYK": 4}
_SENSOR = (PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW)
_DNG_VERSION, _XMP, _IPTC = 50706, 700, 33723
_READ = (
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.PACKBITS, COMPRESSION.ZSTD),
    *(COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.JPEG),
    *(COMPRESSION.CCITTRLE, COMPRESSION.CCITT_T4, COMPRESSION.CCITT_T6),
)
"""Compressions that are read; of the others none is common in photos."""
_KEPT = (COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.ZSTD)
"""Compressions that are written again; others give way to deflate, which is lossless too."""
_PLACES = ("ImageWidth", "ImageLength", "RowsPerStrip", "StripOffsets", "StripByteCounts")
_LONG = 4
_STRIP_BYTES = 1 << 20
_CENTIMETRE = 3


def open_file(data: bytes) -> Opened:
    """Opens a TIFF, or the RAW file that is built as one."""
    file = TiffFile(io.BytesIO(data))
    page = file.pages.first
    if data[8:10] == b"CR" or _has_sensor_data(page):
        opened: Opened = module_of("raw").open_file(data)
        return opened

    def decode() -> Picture:
        return _decoded(file, page, data)

    return Opened("tiff", page.imagewidth, page.imagelength, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """With the source's compression where it is lossless; `quality` does not matter."""
    coding = picture.coding if isinstance(picture.coding, TiffCoding) else None
    compression = coding.compression if coding else COMPRESSION.ADOBE_DEFLATE
    if compression not in _KEPT:
        compression = COMPRESSION.ADOBE_DEFLATE
    samples = joined(picture)
    options: dict[str, Any] = {
        "photometric": "minisblack" if picture.space == "GRAY" else "rgb",
        "planarconfig": None if samples.ndim == 2 else "contig",
        "extrasamples": None if picture.alpha is None else ["unassalpha"],
        "compression": compression,
        "predictor": compression != COMPRESSION.NONE,
        "metadata": None,
        "software": False,
    }
    file = io.BytesIO()
    file.write(_one_pixel(picture, samples[:1, :1], options))
    file.seek(0)
    rows = max(1, _STRIP_BYTES // samples[:1].nbytes)
    tifffile.imwrite(file, samples, rowsperstrip=rows, append=True, **options)
    _join_pages(file)
    return file.getvalue()


def _one_pixel(picture: Picture, pixel: np.ndarray, options: dict[str, Any]) -> bytes:
    """A TIFF of one pixel with all that goes with the picture.

    EXIF comes in by way of exiv2, which copies the whole file several times: this one is small.
    """
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixel,
        iccprofile=picture.profile,
        resolution=picture.dpi,
        resolutionunit="inch" if picture.dpi else None,
        extratags=_extra_tags(picture.metadata),
        **options,
    )
    exif = picture.metadata.exif
    return metadata_of.with_exif(file.getvalue(), exif) if exif else file.getvalue()


def _join_pages(file: io.BytesIO) -> None:
    """Gives the first page the pixels of the second, which then is no page any more."""
    file.seek(0)
    with TiffFile(file, mode="r+") as tiff:
        first, second = tiff.pages.first, tiff.pages[1]
        for name in _PLACES:
            value = second.tags[name].value  # type: ignore[union-attr]
            first.tags[name].overwrite(value, dtype=_LONG)
        entries = int.from_bytes(_at(file, first.offset, 2), "little")
        file.seek(first.offset + 2 + 12 * entries)
        file.write(bytes(4))


def _at(file: io.BytesIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _has_sensor_data(page: TiffPage) -> bool:
    if _DNG_VERSION in page.tags or page.photometric in _SENSOR:
        return True
    return any(isinstance(sub, TiffPage) and sub.photometric in _SENSOR for sub in page.pages or ())


def _decoded(file: TiffFile, page: TiffPage, data: bytes) -> Picture:
    space = _SPACES.get(page.photometric)
    if space is None or page.dtype not in (np.uint8, np.uint16, np.bool_):
        raise Unsupported("a TIFF of a kind that is not read; save it as RGB with 8 or 16 bits")
    if page.compression not in _READ:
        name = COMPRESSION(page.compression).name
        raise Unsupported(f"a TIFF compressed by {name}; save it with LZW or deflate")
    if page.compression == COMPRESSION.JPEG:
        _check_jpeg_sizes(page, data)
    samples, alpha = _samples(page, _CHANNELS[space])
    profile = page.iccprofile
    if space == "LAB":
        samples, profile = lab_to_srgb(_lab(samples, page.photometric)), srgb_profile()
    tags, found = page.tags, metadata_of.of_file(data)
    exif = found.exif if found else b""
    return Picture(
        samples,
        "RGB" if space == "LAB" else space,
        alpha,
        profile=profile,
        metadata=Metadata(exif, _bytes(tags, _XMP), _bytes(tags, _IPTC)),
        dpi=_dpi(page),
        coding=TiffCoding(int(page.compression), int(page.predictor)),
        notes=_notes(file) + (() if found else (metadata_of.DAMAGED,)),
    )


def _check_jpeg_sizes(page: TiffPage, data: bytes) -> None:
    """Raises ValueError if a JPEG in the file is larger than the place it is for."""
    width, length = page.tilewidth or page.imagewidth, page.tilelength or page.rowsperstrip
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        image = JpegImageFile(io.BytesIO(data[start : start + size]))
        if image.width > width or image.height > length:
            raise ValueError(f"JPEG of {image.size} in a place of {(width, length)}")


def _samples(page: TiffPage, channels: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples [h, w, channels] and alpha."""
    planes = page.asarray().reshape(page.shaped)[:, 0]  # planes, h, w, channels together
    whole = np.moveaxis(planes[..., 0], 0, -1) if len(planes) > 1 else planes[0]
    if page.colormap is not None:
        return np.ascontiguousarray(page.colormap.T[whole[..., 0]]), None
    if page.bitspersample < 8:
        whole = whole * np.uint8(255 // (2**page.bitspersample - 1))
    if whole.shape[-1] < channels:
        raise ValueError(f"{whole.shape[-1]} samples a pixel")
    samples = np.ascontiguousarray(whole[..., :channels])
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        samples = ~samples
    extra = page.extrasamples[:1]
    if extra in ((EXTRASAMPLE.ASSOCALPHA,), (EXTRASAMPLE.UNASSALPHA,)):
        return samples, np.ascontiguousarray(whole[..., channels])
    return samples, None


def _lab(samples: Any, photometric: int) -> np.ndarray:
    """CIE Lab, float64 [h, w, 3], of TIFF's two ways to store it (TIFF 6.0, Technote 4)."""
    full = np.iinfo(samples.dtype).max
    unit = (full + 1) // 256
    if photometric == PHOTOMETRIC.CIELAB:
        ab: Any = np.ascontiguousarray(samples[..., 1:]).view(np.int8 if full == 255 else np.int16)
        ab = ab / unit
    else:
        ab = samples[..., 1:] / unit - 128.0
    return np.concatenate([samples[..., :1] * (100.0 / full), ab], axis=-1)


def _bytes(tags: Any, code: int) -> bytes:
    tag = tags.get(code)
    return tag.value if tag is not None and isinstance(tag.value, bytes) else b""


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    if page.resolutionunit not in (2, _CENTIMETRE):
        return None
    x, y = page.resolution
    scale = 2.54 if page.resolutionunit == _CENTIMETRE else 1.0
    return x * scale, y * scale


def _notes(file: TiffFile) -> tuple[str, ...]:
    try:
        second = file.pages[1]
    except IndexError:
        return ()
    if isinstance(second, TiffPage) and second.is_reduced:
        return ()
    return ("has several pages; the first is taken",)


def _extra_tags(metadata: Metadata) -> list[tuple[int, int, int, bytes, bool]]:
    tags = ((_XMP, 1, metadata.xmp), (_IPTC, 7, metadata.iptc))
    return [(code, kind, len(value), value, True) for code, kind, value in tags if value]
