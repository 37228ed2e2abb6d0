"""Conversion from a file's colour space to sRGB, and of developed sRGB back to it.

Colours outside sRGB are clipped for the network. The clipped part is added to the developed colour
in the photo's own space, scaled by how much saturation the look kept. An unchanged photo therefore
comes back exactly, and a black-and-white look leaves no tint.
"""

from dataclasses import dataclass, replace

import imagecodecs
import numpy as np

from cinegan_jax.photos.cicp import require_standard_range
from cinegan_jax.photos.levels import to_sixteen_bits
from cinegan_jax.photos.photo import StoredImage
from cinegan_jax.photos.profile_builders import srgb_profile
from cinegan_jax.photos.profiles import (
    OwnColours,
    cmyk_without_profile,
    is_reversible,
    own_colours,
    profile_space,
)


@dataclass(frozen=True, eq=False)
class Rendered:
    """Result of `rendered`: an image in sRGB."""

    pixels: np.ndarray
    """uint8 or uint16 [h, w, 1 or 3]."""
    profile: bytes | None
    """ICC profile to embed in files made of the image."""
    original: np.ndarray | None
    """Samples in the colours of `profile`, if the output is converted back to them."""
    notes: tuple[str, ...]


def rendered(image: StoredImage) -> Rendered:
    """Convert an image to sRGB, of 16 bits where its colours have to be converted.

    Raises:
      Unsupported: an HDR image.
    """
    image, notes = _with_sound_profile(image)
    samples = image.samples
    if image.profile is None:
        if image.space == "CMYK":
            return Rendered(cmyk_without_profile(samples), srgb_profile(), None, notes)
        return Rendered(samples, None, None, notes)
    colours = own_colours(image.profile)
    if colours is None:
        return Rendered(samples, image.profile, None, notes)
    if is_reversible(colours):
        return Rendered(colours.to_srgb(samples), image.profile, samples, notes)
    return Rendered(colours.to_srgb(samples), srgb_profile(), None, notes)


def in_own_colours(
    developed: np.ndarray, before: np.ndarray, original: np.ndarray, colours: OwnColours
) -> np.ndarray:
    """Convert developed sRGB to the photo's own colours and restore clipped colours.

    Args:
      developed: uint16 sRGB [h, w, 3].
      before: the same pixels before development.
      original: samples that `before` was converted from, uint8 or uint16 [h, w, channels].
      colours: colour space of `original`.

    Returns:
      uint16 [h, w, channels].
    """
    result = colours.from_srgb(developed)
    clipped = ((before == 0) | (before == 65535)).any(axis=-1)
    if not clipped.any():
        return result
    was = original[clipped]
    if was.dtype == np.uint8:
        was = to_sixteen_bits(was)
    lost = was.astype(np.float32) - colours.from_srgb(before[clipped][None])[0]
    kept = (1 + np.ptp(developed[clipped], axis=-1).astype(np.float32)) / (
        1 + np.ptp(before[clipped], axis=-1).astype(np.float32)
    )
    whole = result[clipped] + np.minimum(kept, 1)[:, None] * lost
    result[clipped] = np.rint(np.clip(whole, 0, 65535)).astype(np.uint16)
    return result


def _with_sound_profile(image: StoredImage) -> tuple[StoredImage, tuple[str, ...]]:
    """Drop a profile that is damaged or for other channels, as image viewers do."""
    notes = image.notes
    if image.profile is None:
        return image, notes
    require_standard_range(image.profile)
    space = profile_space(image.profile)
    if space == image.space:
        try:
            own_colours(image.profile)
            return image, notes
        except (imagecodecs.CmsError, ValueError):
            space = None
    why = "damaged" if space is None else f"for {space}, not {image.space}"
    note = f"its colour profile is {why}; its colours are read as sRGB"
    return replace(image, profile=None), (*notes, note)
