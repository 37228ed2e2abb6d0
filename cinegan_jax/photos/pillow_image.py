"""Conversion between Pillow images and arrays, in bands of rows to limit temporary copies."""

from dataclasses import replace

import numpy as np
from PIL import Image

from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.photo import StoredImage, Unsupported

_COPIED_WHOLE = 1 << 23
"""Samples up to which an image is converted in one step, which is faster than in bands."""

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}


def samples_of(image: Image.Image) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Decode an image; return samples uint8 [h, w, channels], colour model and alpha [h, w]."""
    image.load()
    image = _in_plain_mode(image)
    colours = image.mode.removesuffix("A")
    if colours not in _SPACES:
        raise Unsupported(f"pixels of mode {image.mode}, which is not supported")
    count, space = len(image.getbands()), _SPACES[colours]
    if image.width * image.height * count <= _COPIED_WHOLE:
        whole = np.array(image).reshape(image.height, image.width, count)
        if count == len(colours):
            return whole, space, None
        return np.ascontiguousarray(whole[..., :-1]), space, np.ascontiguousarray(whole[..., -1])
    samples = np.empty((image.height, image.width, len(colours)), np.uint8)
    alpha = None if count == len(colours) else np.empty(samples.shape[:2], np.uint8)
    for rows in bands(samples):
        box = (0, rows.start, image.width, min(rows.stop, image.height))
        band = np.asarray(image.crop(box)).reshape(-1, image.width, count)
        samples[rows] = band[..., : len(colours)]
        if alpha is not None:
            alpha[rows] = band[..., -1]
    return samples, space, alpha


def split(whole: np.ndarray) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Split [h, w] or [h, w, 1 to 4] into samples [h, w, channels], colour model and alpha."""
    whole = whole if whole.ndim == 3 else whole[..., None]
    count = whole.shape[-1]
    space = "GRAY" if count < 3 else "RGB"
    if count % 2:
        return whole, space, None
    return np.ascontiguousarray(whole[..., :-1]), space, np.ascontiguousarray(whole[..., -1])


def joined(image: StoredImage) -> np.ndarray:
    """Join samples and alpha into one array: [h, w] or [h, w, 2 to 4]."""
    samples = image.samples
    if image.alpha is not None:
        return np.concatenate([samples, image.alpha[..., None]], axis=-1)
    return samples[..., 0] if samples.shape[-1] == 1 else samples


def image_of(image: StoredImage) -> Image.Image:
    """Return a Pillow image of 8-bit samples and their alpha."""
    return Image.fromarray(joined(image))


def over_white(image: StoredImage) -> StoredImage:
    """Composite an 8-bit image over white, for formats without alpha."""
    if image.alpha is None:
        return image
    result = np.empty_like(image.samples)
    for rows in bands(result):
        share = image.alpha[rows, :, None].astype(np.uint32)
        result[rows] = (image.samples[rows] * share + 255 * (255 - share) + 127) // 255
    return replace(image, samples=result, alpha=None)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """Convert palettes, single bits and transparent colours to grey or RGB, with alpha if any."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image
