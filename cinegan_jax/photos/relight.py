"""Exposure and white balance of images that are developed already, in linear light.

The change is made in the photo's own colour space, so that a wide gamut stays. Light above white is
clipped.
"""

from dataclasses import replace

import numpy as np

from cinegan_jax.photos.colours import rendered
from cinegan_jax.photos.levels import bands
from cinegan_jax.photos.light import Light, neutralising, white_of
from cinegan_jax.photos.photo import StoredImage
from cinegan_jax.photos.profiles import linear_light, own_colours, with_light_changed

_NO_DAYLIGHT = (
    "its white balance stays: only a RAW file holds the light of the sensor that daylight is for"
)


def relit(image: StoredImage, light: Light) -> StoredImage:
    """Change the light of an image; the result has samples of 16 bits if there is a change.

    Grey images have no white balance.
    """
    notes = image.notes
    if light.white_balance == "daylight":
        notes = (*notes, _NO_DAYLIGHT)
        light = replace(light, white_balance="camera")
    if light == Light():
        return replace(image, notes=notes)
    seen = rendered(image)
    if seen.original is None:
        samples, profile = seen.pixels, seen.profile
        space = "GRAY" if samples.shape[-1] == 1 else "RGB"
    else:
        samples, profile, space = seen.original, image.profile, image.space
    notes = seen.notes + notes[len(image.notes) :]
    colours = own_colours(profile) if profile else None
    matrix = light.gain * _white_balance(light, seen.pixels)
    changed = with_light_changed(samples, colours, matrix)
    return replace(image, samples=changed, profile=profile, space=space, notes=notes)


def _white_balance(light: Light, pixels: np.ndarray) -> np.ndarray:
    """Return the matrix [3, 3] on linear sRGB."""
    if pixels.shape[-1] == 1 or light.white_balance == "camera":
        return np.eye(3)
    if light.kelvin is not None:
        return neutralising(white_of(light.kelvin))
    return neutralising(_mean_light(pixels))


def _mean_light(pixels: np.ndarray) -> np.ndarray:
    """Return the mean linear light [3] of the pixels that are not clipped; 1 if all are."""
    full = np.iinfo(pixels.dtype).max
    total, count = np.zeros(3), 0
    for rows in bands(pixels):
        band = pixels[rows].reshape(-1, 3)
        band = band[(band.max(axis=-1) < full) & (band.min(axis=-1) > 0)]
        total += linear_light(band).sum(axis=0)
        count += len(band)
    return total / count if count else np.ones(3)
