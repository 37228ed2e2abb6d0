"""Samples of a TIFF page in their colour model, for every way of TIFF 6.0 to store them."""

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffPage

from cinegan_jax.photos.photo import Unsupported
from cinegan_jax.photos.profiles import lab_to_srgb

_SPACES: dict[int, str] = {
    PHOTOMETRIC.MINISWHITE: "GRAY",
    PHOTOMETRIC.MINISBLACK: "GRAY",
    PHOTOMETRIC.RGB: "RGB",
    PHOTOMETRIC.YCBCR: "RGB",
    PHOTOMETRIC.PALETTE: "RGB",
    PHOTOMETRIC.SEPARATED: "CMYK",
    PHOTOMETRIC.CIELAB: "LAB",
    PHOTOMETRIC.ICCLAB: "LAB",
}
_CHANNELS = {"GRAY": 1, "RGB": 3, "LAB": 3, "CMYK": 4}
_READ = (
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.PACKBITS, COMPRESSION.ZSTD, COMPRESSION.LZMA),
    *(COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.JPEG),
    *(COMPRESSION.CCITTRLE, COMPRESSION.CCITT_T4, COMPRESSION.CCITT_T6),
)
"""Compressions that are read; the others are rare in photos."""


def read_samples(page: TiffPage, data: bytes) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Decode a page.

    Args:
      page: the page.
      data: content of its file.

    Returns:
      Samples uint8 or uint16 [h, w, channels], their colour model (`GRAY`, `RGB`, `CMYK`, or `LAB`
      where they were Lab and are sRGB now), and alpha [h, w] or None.

    Raises:
      Unsupported: the page is stored in a way that is not read.
    """
    space = _require_supported(page)
    if page.compression == COMPRESSION.JPEG:
        _check_jpeg_sizes(page, data)
    planes = page.asarray().reshape(page.shaped)[:, 0]  # planes, h, w, channels together
    whole = np.moveaxis(planes[..., 0], 0, -1) if len(planes) > 1 else planes[0]
    if page.colormap is not None:
        return np.ascontiguousarray(page.colormap.T[whole[..., 0]]), space, None
    samples, alpha = _split_alpha(page, _integers(page, whole), _CHANNELS[space])
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        samples = ~samples
    if page.photometric == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG:
        samples = _from_ycbcr(page, samples)
    if space == "LAB":
        samples = lab_to_srgb(_lab(samples, page.photometric))
    return samples, space, alpha


def _require_supported(page: TiffPage) -> str:
    """Return the colour model of a page."""
    space = _SPACES.get(page.photometric)
    if page.compression not in _READ or (page.compression == COMPRESSION.JPEG and space == "LAB"):
        name = COMPRESSION(page.compression).name
        raise Unsupported(
            f"a TIFF compressed by {name}, which is not supported; save it with LZW or deflate"
        )
    dtype = np.dtype(page.dtype or np.void)
    wide_grey = page.photometric == PHOTOMETRIC.MINISBLACK and dtype.kind in "iu"
    if space is None or not (wide_grey or dtype in (np.uint8, np.uint16, np.bool_)):
        raise Unsupported(
            f"a TIFF of {PHOTOMETRIC(page.photometric).name} in {dtype}, which is not supported; "
            "save it as RGB with 8 or 16 bits"
        )
    return space


def _check_jpeg_sizes(page: TiffPage, data: bytes) -> None:
    """Raise ValueError if a JPEG in the file is larger than its tile or strip."""
    width, length = page.tilewidth or page.imagewidth, page.tilelength or page.rowsperstrip
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        image = JpegImageFile(io.BytesIO(data[start : start + size]))
        if image.width > width or image.height > length:
            raise ValueError(f"a JPEG of {image.size} in a tile of {(width, length)}")


def _integers(page: TiffPage, whole: np.ndarray) -> np.ndarray:
    """Convert samples of any integer type to uint8 or uint16."""
    if page.bitspersample < 8:
        return whole * np.uint8(255 // (2**page.bitspersample - 1))
    if whole.dtype in (np.uint8, np.uint16):
        return whole
    least, most = int(whole.min()), int(whole.max())
    if least < 0 or most > 65535:
        raise Unsupported(f"grey levels from {least} to {most}; save it with 8 or 16 bits")
    return whole.astype(np.uint16)


def _split_alpha(
    page: TiffPage, whole: np.ndarray, channels: int
) -> tuple[np.ndarray, np.ndarray | None]:
    if whole.shape[-1] < channels:
        raise ValueError(f"{whole.shape[-1]} samples per pixel")
    samples, extra = np.ascontiguousarray(whole[..., :channels]), page.extrasamples[:1]
    if extra not in ((EXTRASAMPLE.ASSOCALPHA,), (EXTRASAMPLE.UNASSALPHA,)):
        return samples, None
    alpha = np.ascontiguousarray(whole[..., channels])
    if extra == (EXTRASAMPLE.ASSOCALPHA,):
        samples = _divided_by_alpha(samples, alpha)
    return samples, alpha


def _divided_by_alpha(samples: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undo the multiplication of associated alpha; fully transparent pixels become black."""
    full = np.iinfo(samples.dtype).max
    share = alpha[..., None].astype(np.uint32)
    divided = np.minimum(samples.astype(np.uint32) * full // np.maximum(share, 1), full)
    return np.where(share == 0, 0, divided).astype(samples.dtype)


def _from_ycbcr(page: TiffPage, samples: np.ndarray) -> np.ndarray:
    """Convert YCbCr that is not compressed as JPEG to RGB."""
    subsampling = page.tags.valueof("YCbCrSubSampling", (2, 2))  # TIFF 6.0's default
    if samples.dtype != np.uint8 or tuple(subsampling) != (1, 1):
        raise Unsupported(
            f"a TIFF of subsampled YCbCr, {tuple(subsampling)} in {samples.dtype}, which is not "
            "supported; save it as RGB"
        )
    return np.asarray(Image.fromarray(samples, "YCbCr").convert("RGB"))


def _lab(samples: Any, photometric: int) -> np.ndarray:
    """Return CIE Lab, float64 [h, w, 3], from TIFF's two encodings (TIFF 6.0, Technote 4)."""
    full = np.iinfo(samples.dtype).max
    unit = (full + 1) // 256
    if photometric == PHOTOMETRIC.CIELAB:
        ab: Any = np.ascontiguousarray(samples[..., 1:]).view(np.int8 if full == 255 else np.int16)
        ab = ab / unit
    else:
        ab = samples[..., 1:] / unit - 128.0
    return np.concatenate([samples[..., :1] * (100.0 / full), ab], axis=-1)
