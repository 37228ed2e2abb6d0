"""Fast decoding of image files to 8-bit sRGB, for training, evaluation and preparation.

`read.read_photo` keeps 16 bits, wide gamuts and metadata; this module drops them. Colours are
converted by littleCMS' perceptual intent in 8 bits.
"""

import io
import os
from dataclasses import replace

import numpy as np
from PIL import Image, ImageCms

from cinegan_jax.core.storage import AnyPath
from cinegan_jax.photos import metadata
from cinegan_jax.photos.cicp import require_standard_range
from cinegan_jax.photos.colours import rendered
from cinegan_jax.photos.levels import rounded_to_eight_bits
from cinegan_jax.photos.orientation import turned_upright
from cinegan_jax.photos.photo import OpenedImage, StoredImage, UnreadablePhoto
from cinegan_jax.photos.pillow_image import over_white
from cinegan_jax.photos.profiles import cmyk_without_profile
from cinegan_jax.photos.read import check_profile, check_size, errors_named, open_image

MAX_DECODED_PIXELS = 178_956_970
"""Larger images are refused before they are decoded; Pillow's limit."""

_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def decode(path: AnyPath, least_side: int | None = None) -> np.ndarray:
    """Decode an image file of any supported format to sRGB, uint8 [h, w, 3].

    The orientation is applied and an embedded ICC profile is converted to sRGB. Transparent parts
    are composited over white. Samples of 16 bits are reduced to 8. Of several frames the first one
    is used.

    Args:
      path: the file, local or in a bucket.
      least_side: if given, a JPEG may be decoded at a half, a quarter or an eighth of its size, as
        long as its short side keeps at least twice this many pixels. This is faster for callers
        that reduce the image anyway.

    Raises:
      UnreadablePhoto: the file is missing, damaged, of an unsupported format, or larger than
        `MAX_DECODED_PIXELS`.
    """
    name = os.fspath(path)
    try:
        with errors_named(name):
            opened = open_image(path)
            check_size(opened, MAX_DECODED_PIXELS)
            if least_side is not None:
                _allow_reduced(opened, least_side)
            image = opened.decode()
            check_profile(image)
            return turned_upright(_to_srgb(image), metadata.orientation(image.metadata))
    except MemoryError as error:
        raise UnreadablePhoto(f"{name}: too large for the free memory") from error


def _allow_reduced(opened: OpenedImage, least_side: int) -> None:
    scale = 2 * least_side / min(opened.width, opened.height)
    if scale < 1 and opened.reduce is not None:
        opened.reduce(round(opened.width * scale), round(opened.height * scale))


def _to_srgb(stored: StoredImage) -> np.ndarray:
    """Convert samples of any kind to sRGB, uint8 [h, w, 3]."""
    if stored.profile:
        require_standard_range(stored.profile)
    if stored.profile and stored.samples.dtype == np.uint16:
        stored = _converted_in_sixteen_bits(stored)
    image = _to_eight_bits(stored)
    if image.alpha is not None:
        image = StoredImage(_three_channels(over_white(image).samples), profile=image.profile)
    converted = _apply_profile(image) if image.profile else None
    if converted is not None:
        return converted
    if image.space == "CMYK":
        return cmyk_without_profile(image.samples)
    return _three_channels(image.samples)


def _to_eight_bits(image: StoredImage) -> StoredImage:
    """Reduce 16 bits to 8: opaque grey to the nearest level, everything else to the high byte.

    Pillow does the same, and training data prepared with it must not change.
    """
    if image.samples.dtype == np.uint8:
        return image
    if image.space == "GRAY" and image.alpha is None:
        samples = rounded_to_eight_bits(image.samples)
        return StoredImage(samples, image.space, profile=image.profile)
    alpha = None if image.alpha is None else _high_byte(image.alpha)
    return StoredImage(_high_byte(image.samples), image.space, alpha, image.profile)


def _converted_in_sixteen_bits(image: StoredImage) -> StoredImage:
    """Convert 16 bits with a profile before they are reduced: 8 are too coarse in linear light."""
    seen = rendered(image)
    if seen.original is None and seen.profile == image.profile:
        return replace(image, profile=None)
    alpha = None if image.alpha is None else _high_byte(image.alpha)
    return StoredImage(rounded_to_eight_bits(seen.pixels), alpha=alpha)


def _high_byte(samples: np.ndarray) -> np.ndarray:
    return (samples >> 8).astype(np.uint8)


def _three_channels(samples: np.ndarray) -> np.ndarray:
    return np.repeat(samples, 3, axis=-1) if samples.shape[-1] == 1 else samples


def _apply_profile(image: StoredImage) -> np.ndarray | None:
    """Convert to sRGB, or return None.

    None stands for a profile of sRGB, and for one that is damaged or of other channels, which is
    ignored as image viewers do.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(image.profile or b""))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        samples = image.samples[..., 0] if image.space == "GRAY" else image.samples
        height, width = samples.shape[:2]
        pixels = Image.frombytes(_MODES[image.space], (width, height), samples.tobytes())
        converted = ImageCms.profileToProfile(pixels, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if converted is None else np.asarray(converted)
