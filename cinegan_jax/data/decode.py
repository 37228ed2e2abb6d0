"""Picture files to sRGB arrays, as the camera meant them: upright and in one colour space."""

import io
import os

import numpy as np
from PIL import Image, ImageCms, ImageOps

from cinegan_jax.core.storage import AnyPath

PHOTO_SUFFIXES = (".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Endings of the picture files that are read, in lower case; any case is accepted."""

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class BrokenPhoto(Exception):
    """A picture file that cannot be read; the text names the file and says why."""


def is_photo(path: AnyPath) -> bool:
    """Whether `path` ends like a picture; hidden files (`._IMG_1.jpg`) are not pictures."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def decode(path: AnyPath, least_side: int | None = None) -> np.ndarray:
    """Reads a picture as sRGB, uint8 [h, w, 3].

    The EXIF orientation is applied and an embedded ICC profile is converted to sRGB.
    Transparent parts are laid over white; 16-bit pictures are reduced to 8 bits.

    Args:
      path: the file.
      least_side: when given, a JPEG may be decoded at a half, a quarter or an eighth, as long as
        its short side keeps at least twice this many pixels. Faster, for callers who reduce.

    Raises:
      BrokenPhoto: the file is missing, truncated, too large (Pillow's limit of 179 megapixels) or
        no picture.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            if least_side is not None:
                _decode_reduced(image, least_side)
            image.load()
            return np.array(_to_srgb(ImageOps.exif_transpose(image)))
    except Exception as error:  # decoders meet damaged bytes with every kind of exception
        raise BrokenPhoto(f"{os.fspath(path)}: {error or type(error).__name__}") from error


def _decode_reduced(image: Image.Image, least_side: int) -> None:
    scale = 2 * least_side / min(image.size)
    if scale < 1:
        image.draft(None, (round(image.width * scale), round(image.height * scale)))


def _to_srgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _sixteen_bit_grey(image)
    if image.mode == "F":
        raise ValueError("a floating-point picture; save it with 8 or 16 bits a channel")
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        image = _over_white(image)
    elif image.mode == "P":
        image = image.convert("RGB")
    if profile:
        image = _apply_profile(image, profile)
    return image.convert("RGB")


def _sixteen_bit_grey(image: Image.Image) -> Image.Image:
    levels = np.asarray(image).astype(np.float32)
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("a 32-bit picture; save it with 8 or 16 bits a channel")
    grey = Image.fromarray(np.rint(levels / 257).astype(np.uint8))
    grey.info = image.info
    return grey


def _over_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts to sRGB; a profile that is damaged or of another mode is ignored, as viewers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return image if converted is None else converted
