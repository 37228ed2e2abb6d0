"""The photo: pixels, colour and metadata, as opened from a file and as written to one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.photos.metadata import Metadata


class UnreadablePhoto(UserError):
    """A file that gives no photo; the text names the file, says why and what to do."""


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG was compressed; a JPEG made from it is compressed alike."""

    quantization: tuple[tuple[int, ...], ...]
    """One table of 64 steps for each kind of channel: Y, then Cb and Cr."""
    subsampling: int
    """Pillow's number: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0."""
    progressive: bool


@dataclass(frozen=True)
class TiffCoding:
    """Compression and predictor of a TIFF by their numbers in the file."""

    compression: int
    predictor: int


@dataclass(frozen=True)
class WebpCoding:
    """Whether a WebP keeps its pixels exactly."""

    lossless: bool


Coding = JpegCoding | TiffCoding | WebpCoding


@dataclass(frozen=True, eq=False)
class Picture:
    """What a picture file holds, upright or not, in its own colours."""

    samples: np.ndarray
    """uint8 or uint16 [h, w, channels]: 1 grey, 3 RGB or Lab, 4 CMYK (0 is paper)."""
    space: str = "RGB"
    """What the channels are: `GRAY`, `RGB`, `CMYK` or `LAB`."""
    alpha: np.ndarray | None = None
    """[h, w], as the samples' dtype; not multiplied into the samples."""
    profile: bytes | None = None
    """An ICC profile of the samples."""
    metadata: Metadata = field(default_factory=Metadata)
    dpi: tuple[float, float] | None = None
    coding: Coding | None = None
    notes: tuple[str, ...] = ()
    """What a person should know: frames left out, a damaged profile."""


@dataclass(frozen=True, eq=False)
class Source:
    """What is needed to write a photo back as it came."""

    name: str
    format: str
    bits: int
    """Of a channel in the file: 8 or 16."""
    grey: bool
    profile: bytes | None
    """The ICC profile that is embedded in what is written; None: none, which means sRGB."""
    original: np.ndarray | None
    """The photo upright in the colours of `profile`, where those are not sRGB:
    [h, w, 1 or 3]."""
    metadata: Metadata
    dpi: tuple[float, float] | None
    coding: Coding | None
    notes: tuple[str, ...]
    """What a person should know: frames left out, a damaged profile."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, upright, in sRGB.

    `pixels`: uint8 or uint16 [h, w, 3], sRGB-encoded over the whole range of the type; a grey photo
    has three equal channels. A photo of 8 bits in another colour space has pixels of 16 bits, so
    that it survives the way there and back. `alpha`: [h, w], of the same type, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    source: Source


class Unsupported(Exception):
    """A sound file of a kind that is not read; the text says why and what to do."""


@dataclass(frozen=True)
class Opened:
    """Kind and size of a picture, and the way to its pixels."""

    format: str
    width: int
    """As stored: before the orientation is applied."""
    height: int
    decode: Callable[[], Picture]
