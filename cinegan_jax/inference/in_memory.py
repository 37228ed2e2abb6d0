"""A look on images in memory: Pillow images and NumPy arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import ImageKind, Look

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Share of red, green and blue in the grey of an image (ITU-R BT.601, as Pillow's mode L)."""

_WIDE_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_PLAIN_MODES = ("RGB", "RGBA", "L", "LA")


def develop_image(image: ImageKind, look: Look, settings: Settings) -> ImageKind:
    """Apply a look to an image in memory; see `Look.__call__`.

    Raises:
      UserError: the image has a type, shape, range or mode that looks do not take, or a setting is
        out of range.
    """

    def apply(photo: np.ndarray) -> np.ndarray:
        return develop(photo, look, settings)

    if isinstance(image, Image.Image):
        return _develop_pillow(image, apply)
    if isinstance(image, np.ndarray):
        _check_array(image)
        return apply(image)
    raise UserError(
        f"a look takes a Pillow image or a NumPy array, not {_type_name(image)}; open files with "
        "PIL.Image.open, and convert other arrays with numpy.asarray"
    )


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _check_array(photo: np.ndarray) -> None:
    if photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        hint = "; give photos one by one" if photo.ndim == 4 else ""
        raise UserError(
            f"a look takes arrays of the shape [height, width, 3], not {list(photo.shape)}{hint}"
        )
    if photo.dtype.kind == "f":
        low, high = float(photo.min()), float(photo.max())
        if not 0 <= low <= high <= 1:  # false for NaN, too
            raise UserError(
                f"a photo in {photo.dtype} must lie between 0 and 1, this one has {low:g} to "
                f"{high:g}; divide by the value of white, and clip"
            )
    elif photo.dtype not in (np.uint8, np.uint16):
        raise UserError(f"a look takes arrays of uint8, uint16 or floats, not {photo.dtype}")


def _develop_pillow(image: Image.Image, apply: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
    """Apply a look to the colours of a Pillow image; mode, alpha and info stay."""
    if 0 in image.size:
        raise UserError(f"a look takes images with pixels, this one is {image.size}")
    plain = _in_plain_mode(image)
    if plain.mode in _WIDE_GREY:
        result = Image.fromarray(_grey(np.asarray(plain).astype(np.uint16), apply))
    elif plain.mode in ("L", "LA"):
        result = Image.fromarray(_grey(np.asarray(plain.getchannel("L")), apply))
    else:
        result = Image.fromarray(apply(np.asarray(plain.convert("RGB"))))
    if plain.mode in ("RGBA", "LA"):
        result.putalpha(plain.getchannel("A"))
    result.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return result


def _grey(levels: np.ndarray, apply: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply a look to grey [h, w]; what it adds of colour is lost, as the result is grey."""
    developed = apply(np.repeat(levels[..., None], 3, axis=2))
    return np.rint(developed @ _LUMA).astype(levels.dtype)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """Convert palettes, single bits and a transparent colour to grey or RGB, with alpha."""
    if image.mode in _WIDE_GREY:
        return image
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode not in _PLAIN_MODES:
        raise UserError(
            f"a look takes images in the modes {', '.join(_PLAIN_MODES)} and I;16, not "
            f"{image.mode!r}; convert it first, as with image.convert('RGB')"
        )
    return image
