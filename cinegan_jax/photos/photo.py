"""Data types of a photo: as stored in a file, and as pixels for a network."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.metadata import FileMetadata, Metadata


class UnreadablePhoto(UserError):
    """An image file that cannot be read; the text names the file and gives the reason."""


class Unsupported(Exception):
    """A valid file of a variant that is not read; the text says why and what to do."""


@dataclass(frozen=True)
class JpegCoding:
    """Compression settings of a JPEG, reused when the photo is written again."""

    quantization: tuple[tuple[int, ...], ...]
    """Quantisation tables of 64 steps: luma, then chroma."""
    subsampling: int
    """Pillow's number: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0."""
    progressive: bool


@dataclass(frozen=True)
class TiffCoding:
    """Compression and predictor of a TIFF, by their numbers in the file."""

    compression: int
    predictor: int
    associated_alpha: bool = False
    """True if the samples are multiplied by alpha in the file."""


@dataclass(frozen=True)
class WebpCoding:
    """Compression settings of a WebP."""

    lossless: bool


@dataclass(frozen=True)
class JxlCoding:
    """Compression settings of a JPEG XL file."""

    lossless: bool


@dataclass(frozen=True)
class DeepCoding:
    """Bits per sample of an AVIF or HEIC that has more than 8."""

    bits: int


DEFAULT_DEEP_BITS = 10
"""Bits in AVIF and HEIC of samples of 16 bits from other formats; few programs read 12."""


def deep_bits(coding: "Coding | None") -> int:
    """Return the bits per sample with which AVIF and HEIC store samples of 16 bits."""
    return coding.bits if isinstance(coding, DeepCoding) else DEFAULT_DEEP_BITS


@dataclass(frozen=True)
class GainMap:
    """Gain map of an HDR photo: a JPEG with parameters in its own metadata."""

    jpeg: bytes
    channels: int
    has_xmp: bool
    """True if its parameters are XMP (Ultra HDR 1.0)."""
    has_iso: bool
    """True if its parameters are those of ISO 21496-1."""


Coding = JpegCoding | TiffCoding | WebpCoding | JxlCoding | DeepCoding


@dataclass(frozen=True, eq=False)
class StoredImage:
    """Contents of an image file: samples in the file's own colour space and orientation."""

    samples: np.ndarray
    """uint8 or uint16 [h, w, channels]: 1 grey, 3 RGB or Lab, 4 CMYK (0 is paper)."""
    space: str = "RGB"
    """Colour model of the channels: `GRAY`, `RGB`, `CMYK` or `LAB`."""
    alpha: np.ndarray | None = None
    """[h, w] of the samples' dtype; not multiplied into the samples."""
    profile: bytes | None = None
    """ICC profile of the samples."""
    metadata: Metadata = field(default_factory=Metadata)
    dpi: tuple[float, float] | None = None
    coding: Coding | None = None
    gain_map: GainMap | None = None
    """How much brighter an HDR screen shows each part, in the orientation of the samples."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, such as frames left out or a damaged profile."""


@dataclass(frozen=True)
class OpenedImage:
    """Header of an image file, and functions that read the rest."""

    format: str
    width: int
    """Stored width in pixels, before the orientation is applied."""
    height: int
    decode: Callable[[], StoredImage]
    """Decode the pixels. The metadata always holds the orientation; the rest of it may be missing
    where `read_metadata` is given."""
    read_metadata: Callable[[StoredImage], FileMetadata] | None = None
    """Read the whole metadata, where that takes a slow pass of its own over the file."""
    decode_in_light: Callable[[Light], StoredImage] | None = None
    """Decode with an exposure and white balance, where the file holds the light of a sensor."""
    reduce: Callable[[int, int], None] | None = None
    """Let `decode` return a smaller image of at least this width and height, where the format has
    a faster way to do so."""


@dataclass(frozen=True, eq=False)
class Source:
    """Everything except pixels that is needed to write a photo back in its original form."""

    name: str
    format: str
    bits: int
    """Bits per channel in the file: 8 or 16."""
    grey: bool
    profile: bytes | None
    """ICC profile to embed in the output; None: no profile, which means sRGB."""
    original: np.ndarray | None
    """The upright photo in the colours of `profile`, where those are not sRGB: [h, w, 1 or 3]."""
    metadata: Metadata
    dpi: tuple[float, float] | None
    coding: Coding | None
    notes: tuple[str, ...]
    """Remarks for the user, such as frames left out or a damaged profile."""
    gain_map: GainMap | None = None
    """Upright gain map of an HDR photo, kept where the result is a JPEG."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photo in sRGB.

    Attributes:
      pixels: uint8 or uint16 [h, w, 3], sRGB-encoded over the whole range of the type. A grey photo
        has three equal channels. A photo of 8 bits in another colour space has pixels of 16 bits,
        so that the conversion back is exact.
      alpha: [h, w] of the same type, or None.
      source: what the file held beside the pixels.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    source: Source
