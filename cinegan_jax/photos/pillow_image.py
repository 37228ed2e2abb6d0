"""Between Pillow's images and arrays, in bands of rows so that no second whole copy is made."""

from dataclasses import replace

import numpy as np
from PIL import Image

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.photo import Picture, Unsupported

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


def split(whole: np.ndarray) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Samples [h, w, channels], colour space and alpha of [h, w] or [h, w, 1 to 4] samples."""
    whole = whole if whole.ndim == 3 else whole[..., None]
    count = whole.shape[-1]
    space = "GRAY" if count < 3 else "RGB"
    if count % 2:
        return whole, space, None
    return np.ascontiguousarray(whole[..., :-1]), space, np.ascontiguousarray(whole[..., -1])


def joined(picture: Picture) -> np.ndarray:
    """Samples and alpha of a picture in one array: [h, w] or [h, w, 2 to 4]."""
    samples = picture.samples
    if picture.alpha is not None:
        return np.concatenate([samples, picture.alpha[..., None]], axis=-1)
    return samples[..., 0] if samples.shape[-1] == 1 else samples


def image_of(picture: Picture) -> Image.Image:
    """A Pillow image of a picture of 8 bits, with its alpha."""
    return Image.fromarray(joined(picture))


def over_white(picture: Picture) -> Picture:
    """A picture of 8 bits laid over white, for formats without alpha."""
    if picture.alpha is None:
        return picture
    result = np.empty_like(picture.samples)
    for rows in bands(result):
        share = picture.alpha[rows, :, None].astype(np.uint32)
        result[rows] = (picture.samples[rows] * share + 255 * (255 - share) + 127) // 255
    return replace(picture, samples=result, alpha=None)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """Palettes, single bits and transparent colours as grey or RGB, with alpha where there is."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image
