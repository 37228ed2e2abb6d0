"""The film renderer: give a photo the look of a film, reproducibly for a given seed.

A look is simulated in three steps:

- halation: light of highlights is reflected by the film base and adds a red glow around them. The
  linear luminance above one half is blurred by a Gaussian, and the increase is added to red.
- the LUT: any colour look, interpolated trilinearly.
- grain: Gaussian noise on the sRGB-encoded image (see `film.grain`).

NumPy and SciPy only, so that worker processes can use it without JAX.
"""

from __future__ import annotations

import dataclasses
import zlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.grain import add_grain
from cinegan_jax.film.lut_files import LUT_SUFFIXES, read_lut
from cinegan_jax.ops.colour import linear_to_srgb, luminance, srgb_to_linear
from cinegan_jax.ops.lut import apply_lut

if TYPE_CHECKING:
    from cinegan_jax.core.types import Array

HALATION_THRESHOLD = 0.5
"""Linear luminance above which light counts as a highlight."""


@dataclasses.dataclass(frozen=True)
class FilmLook:
    """Recipe of a film look.

    Attributes:
      name: name for messages and manifests.
      lut: unit [n, n, n, 3] indexed [r, g, b], sRGB-encoded input and output.
      grain_sigma: standard deviation of the grain at mid-grey, in unit range.
      grain_size: standard deviation of the Gaussian that softens the grain, as a share of the long
        side, so that grains grow with the image.
      halation_radius: standard deviation of the glow, as a share of the long side.
      halation_strength: share of the highlights' light that is added to red.
    """

    name: str
    lut: np.ndarray
    grain_sigma: float = 0.015
    grain_size: float = 0.001
    halation_radius: float = 0.006
    halation_strength: float = 0.12


def recipe_names() -> tuple[str, ...]:
    """Return the names of the film looks that are part of the package."""
    folder = resources.files("cinegan_jax.film") / "recipes"
    return tuple(sorted(f.name[:-4] for f in folder.iterdir() if f.name.endswith(".npz")))


def load_recipe(name: str) -> FilmLook:
    """Load a film look of the package by name, or the user's own from a LUT file.

    Raises:
      UserError: the look or file does not exist, or the file is damaged.
    """
    if name in recipe_names():
        file = resources.files("cinegan_jax.film") / "recipes" / f"{name}.npz"
        with file.open("rb") as opened, np.load(opened) as arrays:
            return FilmLook(name, arrays["table"].astype(np.float32) / 65535)
    path = Path(name).expanduser()
    if path.suffix.lower() not in LUT_SUFFIXES:
        raise UserError(
            f"look {name!r} is not one of {', '.join(recipe_names())}, nor a .cube or HaldCLUT "
            ".png file"
        )
    return FilmLook(path.stem, read_lut(path).table())


def photo_seed(name: str) -> int:
    """Return the random seed of a photo: the CRC-32 of its name."""
    return zlib.crc32(name.encode("utf-8"))


def render_film(
    photo: np.ndarray, look: FilmLook, seed: int, grain: bool = True, halation: bool = True
) -> np.ndarray:
    """Render a photo with a film look.

    Args:
      photo: uint8 [h, w, 3].
      look: recipe of the look.
      seed: random seed of the grain.
      grain: if False, leave out the grain.
      halation: if False, leave out the glow.

    Returns:
      uint8 [h, w, 3], rounded.
    """
    image: np.ndarray = photo.astype(np.float32) / 255
    if halation and look.halation_strength:
        image = add_halation(image, look.halation_radius, look.halation_strength)
    image = np.asarray(apply_lut(look.lut, image))
    if grain:
        image = add_grain(image, look.grain_sigma, look.grain_size, seed)
    return np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)


def add_halation(image: np.ndarray, radius: float, strength: float) -> np.ndarray:
    """Add a red glow around highlights.

    Args:
      image: unit float32 [h, w, 3].
      radius: standard deviation of the glow, as a share of the long side.
      strength: share of the highlights' light that is added to red.

    Returns:
      unit float32 [h, w, 3], clipped.
    """
    from scipy import ndimage  # slow to import, and most photos are developed without halation

    linear = srgb_to_linear(image)
    bright = highlights(linear)
    blurred = ndimage.gaussian_filter(bright, radius * max(image.shape[:2]))
    glow = strength * np.maximum(blurred - bright, 0.0)
    red = np.minimum(linear[..., 0] + glow, 1.0)
    return np.stack([linear_to_srgb(red), image[..., 1], image[..., 2]], axis=-1)


def highlights(light: Array) -> np.ndarray:
    """Return the light of highlights, [h, w]: the luminance above one half of linear [h, w, 3]."""
    level = luminance(light)
    share = np.clip((level - HALATION_THRESHOLD) / (1 - HALATION_THRESHOLD), 0, 1)
    return np.asarray(share * level)
