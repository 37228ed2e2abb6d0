"""Encode developed photos as image files, with the source's profile and metadata."""

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.photos.colours import in_own_colours
from cinegan_jax.photos.formats import jxl
from cinegan_jax.photos.formats.registry import (
    FORMATS_WITHOUT_ALPHA,
    FORMATS_WITHOUT_PROFILE,
    LONGEST_SIDE,
    SIXTEEN_BIT_FORMATS,
    WRITTEN_INSTEAD,
    WRITTEN_SUFFIXES,
    module_of,
)
from cinegan_jax.photos.levels import bands, rounded_to_eight_bits, to_bits
from cinegan_jax.photos.metadata import FileMetadata
from cinegan_jax.photos.metadata.fitting import fitted, holds_xmp
from cinegan_jax.photos.metadata.history import Development, recorded
from cinegan_jax.photos.photo import (
    DeepCoding,
    GainMap,
    Photo,
    Source,
    StoredImage,
    deep_bits,
)
from cinegan_jax.photos.profile_builders import srgb_profile
from cinegan_jax.photos.profiles import is_linear, is_reversible, own_colours

_FINE_FORMATS = ("png", "tiff", "jxl")
"""Formats that hold the bits of linear light."""
_DEEP_FORMATS = ("avif", "heic")
"""Formats that store samples of 16 bits with 10 or 12."""


@dataclass(frozen=True)
class EncodeOptions:
    """Output format and compression of a photo."""

    format: str | None = None
    """One of `WRITTEN_SUFFIXES`; None: the source's format, or JPEG for RAW and PNG for GIF."""
    quality: int | None = None
    """1..100 for lossy formats; None: the source's quality."""
    seed: int = 0
    """Random seed of the dither with which 16 bits are reduced to 8."""
    development: Development | None = None
    """Settings to record in the history of XMP, such as look and strength."""

    def check(self) -> None:
        """Raise UserError if a value is out of range or a package is missing."""
        if self.format is not None and self.format not in WRITTEN_SUFFIXES:
            known = ", ".join(WRITTEN_SUFFIXES)
            raise UserError(f"unknown image format {self.format!r}; known: {known}")
        if self.format == "heic" and importlib.util.find_spec("pillow_heif") is None:
            raise UserError(f"to write HEIC: {how_to_install('heif')}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UserError(f"quality is {self.quality}, but must be in 1..100")


class EncodedPhoto(NamedTuple):
    """An image file, and remarks for the user on what it does not hold."""

    data: bytes
    notes: tuple[str, ...]


def encode_photo(
    photo: Photo, pixels: np.ndarray, options: EncodeOptions = EncodeOptions()
) -> bytes:
    """Return the bytes of an image file; see `encode_with_notes`."""
    return encode_with_notes(photo, pixels, options).data


def encode_with_notes(
    photo: Photo, pixels: np.ndarray, options: EncodeOptions = EncodeOptions()
) -> EncodedPhoto:
    """Encode a photo as an image file, with all of its metadata that the format holds.

    Args:
      photo: the photo as it was read.
      pixels: developed pixels of the shape and dtype of `photo.pixels`.
      options: output format and compression.

    Raises:
      UserError: an option is out of range, or the photo is too large for the format.
    """
    options.check()
    if pixels.shape != photo.pixels.shape or pixels.dtype != photo.pixels.dtype:
        raise ValueError(
            f"pixels {pixels.dtype}{pixels.shape} of a photo "
            f"{photo.pixels.dtype}{photo.pixels.shape}"
        )
    format = output_format(photo, options)
    _check_sides(photo, format)
    source = photo.source
    bits = source.bits if format in SIXTEEN_BIT_FORMATS else 8
    embeds_profile = _embeds(format, source)
    samples, profile = _file_samples(photo, pixels, bits, embeds_profile, options.seed)
    held = _metadata(photo, format, options.development)
    gain_map, no_map = _gain_map(photo, pixels, format)
    image = StoredImage(
        samples,
        "GRAY" if samples.shape[-1] == 1 else "RGB",
        _alpha(photo.alpha, bits),
        profile,
        held.metadata,
        source.dpi,
        source.coding,
        gain_map,
    )
    notes = held.notes + _changed_pixels(photo, format, bits) + no_map
    return EncodedPhoto(module_of(format).encode(image, options.quality), notes)


def writable_formats() -> tuple[str, ...]:
    """Return the names of the formats that can be written here; some need a package."""
    has_heif = importlib.util.find_spec("pillow_heif") is not None
    return tuple(name for name in WRITTEN_SUFFIXES if name != "heic" or has_heif)


def output_format(photo: Photo, options: EncodeOptions) -> str:
    """Return the name of the format in which a photo is written."""
    format = photo.source.format
    return options.format or WRITTEN_INSTEAD.get(format, format)


def output_suffix(photo: Photo, options: EncodeOptions = EncodeOptions()) -> str:
    """Return the ending of the written file, such as `.jpg`."""
    return WRITTEN_SUFFIXES[output_format(photo, options)]


def _changed_pixels(photo: Photo, format: str, bits: int) -> tuple[str, ...]:
    """Return notes on transparency and bits that the format does not hold."""
    notes = []
    if photo.alpha is not None and format in FORMATS_WITHOUT_ALPHA:
        notes.append(f"its transparent parts are laid over white, since {format.upper()} has none")
    source = photo.source
    had = deep_bits(source.coding) if isinstance(source.coding, DeepCoding) else source.bits
    has = deep_bits(source.coding) if bits == 16 and format in _DEEP_FORMATS else bits
    if had > has and source.format in SIXTEEN_BIT_FORMATS:
        notes.append(f"its {had} bits per channel become {has} in {format.upper()}")
    return tuple(notes)


def _metadata(photo: Photo, format: str, development: Development | None) -> FileMetadata:
    metadata = photo.source.metadata
    if development is not None and holds_xmp(format):
        metadata = recorded(metadata, version("cinegan-jax"), development)
    return fitted(metadata, format, photo.source.dpi)


def _gain_map(
    photo: Photo, pixels: np.ndarray, format: str
) -> tuple[GainMap | None, tuple[str, ...]]:
    """Return the gain map to write, and a note where it is left out."""
    gain_map = photo.source.gain_map
    if gain_map is None:
        return None, ()
    if format != "jpeg":
        return None, ("its gain map (HDR) is left out: only a JPEG keeps it",)
    if gain_map.channels == 3 and _is_grey(pixels) and not _is_grey(photo.pixels):
        return None, ("its gain map (HDR) is left out: it has colours, and the result is grey",)
    return gain_map, ()


def _check_sides(photo: Photo, format: str) -> None:
    side, most = max(photo.pixels.shape[:2]), LONGEST_SIDE.get(format, np.inf)
    if side > most:
        raise UserError(
            f"{photo.source.name}: a side of {side} pixels, but {format} allows at most {most}; "
            "write it as png or tiff"
        )


def _embeds(format: str, source: Source) -> bool:
    """Return True if files of a format state the colours of the source's profile.

    Linear light is written in sRGB where a format has few bits, in which shadows would show bands.
    """
    colours = own_colours(source.profile) if source.profile else None
    if colours is not None and is_linear(colours) and format not in _FINE_FORMATS:
        return False
    if format == "jxl" and source.profile:
        return jxl.embeds(source.profile, source.grey)
    return format not in FORMATS_WITHOUT_PROFILE


def _file_samples(
    photo: Photo, pixels: np.ndarray, bits: int, embeds_profile: bool, seed: int
) -> tuple[np.ndarray, bytes | None]:
    """Return samples [h, w, 1 or 3] of `bits` bits, and the profile that describes them."""
    source = photo.source
    random = np.random.Generator(np.random.SFC64(seed))
    tinted = source.grey and not _is_grey(pixels)
    if source.profile and source.original is not None and embeds_profile and not tinted:
        return _own_samples(photo, pixels, bits, random), source.profile
    replaced = tinted or source.original is not None
    profile = srgb_profile() if replaced and source.profile else source.profile
    samples = np.ascontiguousarray(pixels[..., 1:2]) if source.grey and not tinted else pixels
    return to_bits(samples, bits, random), profile


def _own_samples(
    photo: Photo, pixels: np.ndarray, bits: int, random: np.random.Generator
) -> np.ndarray:
    original, profile = photo.source.original, photo.source.profile
    assert original is not None
    assert profile is not None
    colours = own_colours(profile)
    assert colours is not None
    assert is_reversible(colours)
    result = np.empty(original.shape, np.uint8 if bits == 8 else np.uint16)
    for rows in bands(pixels):
        own = in_own_colours(pixels[rows], photo.pixels[rows], original[rows], colours)
        result[rows] = to_bits(own, bits, random)
    return result


def _alpha(alpha: np.ndarray | None, bits: int) -> np.ndarray | None:
    """Convert alpha to the file's bits; exact where the source has the same number."""
    if alpha is None or 8 * alpha.itemsize == bits:
        return alpha
    return rounded_to_eight_bits(alpha)


def _is_grey(pixels: np.ndarray) -> bool:
    """Return True if the channels of each pixel agree within one level of 8 bits."""
    most = 1 if pixels.dtype == np.uint8 else 257
    return all(np.ptp(pixels[rows], axis=-1).max() <= most for rows in bands(pixels))
