"""Colour filters in front of the lens, for black-and-white looks.

A filter holds back light before it reaches the film, so that a yellow or red one darkens a blue
sky. A panchromatic film sees one number for each colour: the sum of its linear red, green and blue,
weighted by what the filter lets through and what the film is sensitive to. The weights sum to 1, as
if the exposure were corrected for the filter: a neutral grey keeps its brightness.

The weights are integrals over wavelength of daylight (D65), the sRGB basis of Mallett and Yuksel
(2019), the transmission of Kodak's Wratten filters and the sensitivity of Tri-X 400, the last two
as digitised by spectral-film-lut. Those of Double-X differ by 0.03 at most.
"""

from collections.abc import Mapping

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.lazy_image import AnyImage, LazyImage
from cinegan_jax.inference.look import Look, installed_looks, load_look
from cinegan_jax.ops.colour import linear_to_srgb, srgb_to_linear
from cinegan_jax.ops.images import white_level

FILTERS: Mapping[str, tuple[float, float, float]] = {
    "yellow": (0.312, 0.621, 0.067),  # Wratten 8
    "orange": (0.516, 0.469, 0.015),  # Wratten 21
    "red": (0.912, 0.075, 0.013),  # Wratten 25
    "green": (0.016, 0.917, 0.067),  # Wratten 58
    "blue": (0.042, 0.094, 0.864),  # Wratten 47
}
"""Weights of linear red, green and blue, by the name of the filter."""


def add_filter(photo: AnyImage, name: str | None) -> AnyImage:
    """Return what a panchromatic film sees of a photo through a filter, as grey.

    Args:
      photo: sRGB-encoded [h, w, 3]: uint8, uint16 or unit floats.
      name: one of `FILTERS`; None: the photo itself is returned.

    Returns:
      Unit floats [h, w, 3] with equal channels, computed where they are sliced.
    """
    if name is None:
        return photo
    weights = np.array(FILTERS[name], np.float32)

    def rows_of(rows: slice) -> np.ndarray:
        unit = photo[rows].astype(np.float32) / white_level(photo.dtype)
        grey = linear_to_srgb(np.asarray(srgb_to_linear(unit)) @ weights)
        return np.repeat(np.asarray(grey)[..., None], 3, axis=-1)

    return LazyImage(photo.shape, rows_of)


def check_filter(name: str | None, look: Look) -> None:
    """Check that a filter exists and that the look can use it.

    Raises:
      UserError: there is no such filter, or the look is not black-and-white.
    """
    if name is None:
        return
    if name not in FILTERS:
        raise UserError(f"filter {name!r} is not one of {', '.join(FILTERS)}")
    if not look.monochrome:
        fitting = [each for each in installed_looks() if load_look(each).monochrome]
        raise UserError(
            f"filter {name!r} needs a black-and-white look, which {look.name} is not; "
            f"use {' or '.join(fitting) or 'a LUT that makes greys'}"
        )
