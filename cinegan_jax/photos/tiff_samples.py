"""Samples of a TIFF page in their colour model, for every way of TIFF 6.0 to store them."""

import struct
from typing import Any, NamedTuple

import numpy as np
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG, TiffPage

from cinegan_jax.photos.alpha import divided_by_alpha
from cinegan_jax.photos.jpeg_layout import read_layout
from cinegan_jax.photos.photo import Unsupported
from cinegan_jax.photos.profiles import lab_to_srgb
from cinegan_jax.photos.tiff_levels import to_eight_or_sixteen_bits
from cinegan_jax.photos.tiff_ycbcr import subsampled, subsampling, ycbcr_to_rgb

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
_ALPHAS = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)


class PageSamples(NamedTuple):
    """Result of `read_samples`."""

    samples: np.ndarray
    """uint8 or uint16 [h, w, channels]."""
    space: str
    """Colour model: `GRAY`, `RGB`, `CMYK`, or `LAB` where they were Lab and are sRGB now."""
    alpha: np.ndarray | None
    """[h, w] of the same type, no longer multiplied into the samples."""
    associated_alpha: bool
    """True if the file holds the samples multiplied by alpha."""
    notes: tuple[str, ...]


def read_samples(page: TiffPage, data: bytes) -> PageSamples:
    """Decode a page of the TIFF file with the content `data`.

    Raises:
      Unsupported: the page is stored in a way that is not read.
    """
    space = _require_supported(page)
    if page.compression == COMPRESSION.JPEG:
        _check_jpeg_sizes(page, data)
    is_ycbcr = page.photometric == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG
    if is_ycbcr and subsampling(page) != (1, 1):
        return PageSamples(ycbcr_to_rgb(page, subsampled(page, data)), space, None, False, ())
    stored = _stored(page, data)
    if page.colormap is not None:
        return PageSamples(_from_palette(page.colormap, stored), space, None, False, ())
    whole, notes = to_eight_or_sixteen_bits(page, stored)
    channels = _CHANNELS[space]
    if whole.shape[-1] < channels:
        raise ValueError(f"{whole.shape[-1]} samples per pixel")
    samples = np.ascontiguousarray(whole[..., :channels])
    place, left_out = _alpha_channel(page, whole.shape[-1] - channels)
    alpha = None if place is None else np.ascontiguousarray(whole[..., channels + place])
    associated = place is not None and page.extrasamples[place] == EXTRASAMPLE.ASSOCALPHA
    if alpha is not None and associated:
        samples = divided_by_alpha(samples, alpha)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        samples = ~samples
    if is_ycbcr:
        samples = ycbcr_to_rgb(page, samples)
    if space == "LAB":
        samples = lab_to_srgb(_lab(samples, page.photometric))
    return PageSamples(samples, space, alpha, associated, notes + left_out)


def _require_supported(page: TiffPage) -> str:
    """Return the colour model of a page."""
    space = _SPACES.get(page.photometric)
    if page.compression not in _READ or (page.compression == COMPRESSION.JPEG and space == "LAB"):
        name = COMPRESSION(page.compression).name
        raise Unsupported(
            f"a TIFF compressed by {name}, which is not supported; save it with LZW or deflate"
        )
    dtype = np.dtype(page.dtype or np.void)
    mixed = not isinstance(page.bitspersample, int)
    floating_lab = dtype.kind == "f" and space == "LAB"
    if space is None or mixed or floating_lab or dtype.kind not in "buif":
        stored = f"{page.bitspersample} bits" if mixed else str(dtype)
        raise Unsupported(
            f"a TIFF of {PHOTOMETRIC(page.photometric).name} in {stored}, which is not supported; "
            "save it as RGB with 8 or 16 bits"
        )
    return space


def _check_jpeg_sizes(page: TiffPage, data: bytes) -> None:
    """Raise ValueError if a JPEG in the file is larger than its tile or strip."""
    width, length = page.tilewidth or page.imagewidth, page.tilelength or page.rowsperstrip
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        image = data[start : start + size]
        down, across = struct.unpack_from(">HH", image, read_layout(image).frame.start + 5)
        if across > width or down > length:
            raise ValueError(f"a JPEG of {(across, down)} in a tile of {(width, length)}")


def _stored(page: TiffPage, data: bytes) -> np.ndarray:
    """Decode the samples of a page as the file holds them, [h, w, channels].

    Samples of 9 to 15 bits are packed, but some writers store them in 16.
    """
    if _holds_sixteen_bits(page):
        words = np.frombuffer(data, f"{page.parent.byteorder}u2", page.size, page.dataoffsets[0])
        return words.astype(np.uint16).reshape(page.shaped[2:])
    planes = page.asarray().reshape(page.shaped)[:, 0]  # planes, h, w, channels together
    return np.moveaxis(planes[..., 0], 0, -1) if len(planes) > 1 else planes[0]


def _holds_sixteen_bits(page: TiffPage) -> bool:
    """Return True for samples of 9 to 15 bits, each in 16, one after the other."""
    places, sizes = page.dataoffsets, page.databytecounts
    ends = [start + size for start, size in zip(places, sizes, strict=True)]
    return (
        8 < page.bitspersample < 16
        and page.compression == COMPRESSION.NONE
        and not page.is_tiled
        and page.planarconfig != PLANARCONFIG.SEPARATE
        and sum(sizes) == 2 * page.size
        and list(places[1:]) == ends[:-1]
    )


def _from_palette(colormap: np.ndarray, stored: np.ndarray) -> np.ndarray:
    colours = colormap.T
    if colours.max() <= 255:  # levels of 8 bits, as old writers store them
        colours = colours * np.uint16(257)
    return np.ascontiguousarray(colours[stored[..., 0]])


def _alpha_channel(page: TiffPage, extra: int) -> tuple[int | None, tuple[str, ...]]:
    """Return the number of the extra channel that is alpha, and a note on the others."""
    kinds = page.extrasamples[:extra]
    place = next((index for index, kind in enumerate(kinds) if kind in _ALPHAS), None)
    others = extra - (place is not None)
    word = "channel" if others == 1 else "channels"
    return place, (f"has {others} extra {word}, left out of the result",) if others else ()


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
