"""Developed photos to picture files, with everything else as it came."""

from dataclasses import dataclass

import numpy as np

from cinegan_jax.errors import UserError
from cinegan_jax.photos.formats.registry import (
    SIXTEEN_BIT_FORMATS,
    WRITTEN_INSTEAD,
    WRITTEN_SUFFIXES,
    module_of,
)
from cinegan_jax.photos.levels import bands, to_eight_bits
from cinegan_jax.photos.photo import Photo, Picture


@dataclass(frozen=True)
class EncodeOptions:
    """How a photo is written."""

    format: str | None = None
    """One of `WRITTEN_SUFFIXES`; None: as the source, RAW as JPEG and GIF as PNG."""
    quality: int | None = None
    """1..100 for lossy formats; None: as the source."""
    seed: int = 0
    """Of the noise with which 16 bits are rounded to 8."""

    def check(self) -> None:
        """Raises UserError if a value cannot be."""
        if self.format is not None and self.format not in WRITTEN_SUFFIXES:
            known = ", ".join(WRITTEN_SUFFIXES)
            raise UserError(f"unknown picture format {self.format!r}; known: {known}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UserError(f"quality is {self.quality}, but it goes from 1 to 100")


def encode_photo(
    photo: Photo, pixels: np.ndarray, options: EncodeOptions = EncodeOptions()
) -> bytes:
    """The bytes of a picture file.

    Args:
      photo: what was read.
      pixels: the developed ones, of the shape and type of `photo.pixels`.
      options: how to write them.
    """
    options.check()
    if pixels.shape != photo.pixels.shape or pixels.dtype != photo.pixels.dtype:
        raise ValueError(
            f"pixels {pixels.dtype}{pixels.shape} of a photo "
            f"{photo.pixels.dtype}{photo.pixels.shape}"
        )
    format = output_format(photo, options)
    source = photo.source
    samples = pixels[..., :1] if source.grey and _is_grey(pixels) else pixels
    alpha = photo.alpha
    if samples.dtype == np.uint16 and not (source.bits == 16 and format in SIXTEEN_BIT_FORMATS):
        samples = to_eight_bits(samples, options.seed)
        alpha = None if alpha is None else to_eight_bits(alpha, options.seed)
    picture = Picture(
        np.ascontiguousarray(samples),
        "GRAY" if samples.shape[-1] == 1 else "RGB",
        alpha,
        source.profile,
        source.metadata,
        source.dpi,
        source.coding,
    )
    return module_of(format).encode(picture, options.quality)


def output_format(photo: Photo, options: EncodeOptions) -> str:
    """The name of the format in which a photo is written."""
    format = photo.source.format
    return options.format or WRITTEN_INSTEAD.get(format, format)


def output_suffix(photo: Photo, options: EncodeOptions = EncodeOptions()) -> str:
    """The ending of the written file, such as `.jpg`."""
    return WRITTEN_SUFFIXES[output_format(photo, options)]


def _is_grey(pixels: np.ndarray) -> bool:
    """Whether no pixel's channels differ by more than a level of 8 bits."""
    most = 1 if pixels.dtype == np.uint8 else 257
    return all(np.ptp(pixels[rows], axis=-1).max() <= most for rows in bands(pixels))
