"""From a picture's own colours to sRGB, and from developed sRGB back to them.

Colours outside sRGB are clipped for the network. What was clipped is added again to the developed
colour, in the photo's own space, as far as the look kept the colour strong: a photo that is not
changed comes back as it was, and a look in black and white leaves no tint behind.
"""

from dataclasses import dataclass, replace

import imagecodecs
import numpy as np

from cinegan_jax.photos.levels import to_sixteen_bits
from cinegan_jax.photos.photo import Picture
from cinegan_jax.photos.profiles import (
    OwnColours,
    cmyk_without_profile,
    is_reversible,
    own_colours,
    profile_space,
    srgb_profile,
)


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture in sRGB."""

    pixels: np.ndarray
    """uint8 or uint16 [h, w, 1 or 3]."""
    profile: bytes | None
    """What to embed in a file that is made of it."""
    original: np.ndarray | None
    """The samples in the colours of `profile`, where it is written back in those."""
    notes: tuple[str, ...]


def rendered(picture: Picture) -> Rendered:
    """A picture in sRGB; with 16 bits where its colours had to be converted."""
    picture, notes = _with_sound_profile(picture)
    samples = picture.samples
    if picture.profile is None:
        if picture.space == "CMYK":
            return Rendered(cmyk_without_profile(samples), srgb_profile(), None, notes)
        return Rendered(samples, None, None, notes)
    colours = own_colours(picture.profile)
    if colours is None:
        return Rendered(samples, picture.profile, None, notes)
    if is_reversible(colours):
        return Rendered(colours.to_srgb(samples), picture.profile, samples, notes)
    return Rendered(colours.to_srgb(samples), srgb_profile(), None, notes)


def in_own_colours(
    developed: np.ndarray, before: np.ndarray, original: np.ndarray, colours: OwnColours
) -> np.ndarray:
    """Developed sRGB in the photo's own colours, with what was clipped on the way in.

    Args:
      developed: uint16 sRGB [h, w, 3].
      before: the same before it was developed.
      original: what `before` was converted from, uint8 or uint16 [h, w, channels].
      colours: those of `original`.

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


def _with_sound_profile(picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """Drops a profile that is damaged or for other channels, as viewers do."""
    notes = picture.notes
    if picture.profile is None:
        return picture, notes
    space = profile_space(picture.profile)
    if space == picture.space:
        try:
            own_colours(picture.profile)
            return picture, notes
        except (imagecodecs.CmsError, ValueError):
            space = None
    why = "damaged" if space is None else f"for {space}, not {picture.space}"
    note = f"its colour profile is {why}; its colours are taken as sRGB"
    return replace(picture, profile=None), (*notes, note)
