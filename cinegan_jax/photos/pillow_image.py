"""Between Pillow's images and arrays, in bands of rows so that no second whole copy is made."""

import numpy as np
from PIL import Image

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.opened import Unsupported

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}


def samples_of(image: Image.Image) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Samples uint8 [h, w, channels], colour space and alpha [h, w] of an image; decodes it."""
    image.load()
    image = _in_plain_mode(image)
    colours = image.mode.removesuffix("A")
    if colours not in _SPACES:
        raise Unsupported(f"pixels of a kind that is not read ({image.mode})")
    count = len(image.getbands())
    samples = np.empty((image.height, image.width, len(colours)), np.uint8)
    alpha = None if count == len(colours) else np.empty(samples.shape[:2], np.uint8)
    for rows in bands(samples):
        box = (0, rows.start, image.width, min(rows.stop, image.height))
        band = np.asarray(image.crop(box)).reshape(-1, image.width, count)
        samples[rows] = band[..., : len(colours)]
        if alpha is not None:
            alpha[rows] = band[..., -1]
    return samples, _SPACES[colours], alpha


def image_of(samples: np.ndarray, alpha: np.ndarray | None = None) -> Image.Image:
    """A Pillow image of uint8 samples [h, w, 1 or 3] and alpha [h, w]."""
    if alpha is not None:
        samples = np.concatenate([samples, alpha[..., None]], axis=-1)
    return Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)


def over_white(samples: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """uint8 samples [h, w, channels] laid over white, for formats without alpha."""
    if alpha is None:
        return samples
    result = np.empty_like(samples)
    for rows in bands(samples):
        share = alpha[rows, :, None].astype(np.uint32)
        result[rows] = (samples[rows] * share + 255 * (255 - share) + 127) // 255
    return result


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """Palettes, single bits and transparent colours as grey or RGB, with alpha where there is."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image
