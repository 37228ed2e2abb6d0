"""The film renderer: the picture that a photo would be on film, the same for the same seed.

Light first scatters in the film (halation), is then recorded as colour (the LUT), and is seen
through grain:

- halation: light of highlights comes back from the film's base as a red glow round them. Linear
  luminance above a half, blurred by a Gaussian, less what was there before, is added to red.
- the LUT: any colour look, trilinearly interpolated.
- grain: Gaussian noise on the sRGB-encoded picture, strongest at mid-grey and none at black and
  white, as the density of a developed film varies most where half of its crystals are exposed. Most
  of it is shared by the channels. A grain's size grows with the picture's.

numpy and scipy only, so that it runs in worker processes without JAX.
"""

import dataclasses
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
from scipy import ndimage

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.grain import lay_grain
from cinegan_jax.film.lut_files import read_lut
from cinegan_jax.ops.colour import linear_to_srgb, luminance, srgb_to_linear
from cinegan_jax.ops.lut import apply_lut

HALATION_THRESHOLD = 0.5
"""Linear luminance from which light counts as a highlight."""


@dataclasses.dataclass(frozen=True)
class FilmLook:
    """A look: its colours, its grain, its halation.

    Attributes:
      name: for people and manifests.
      lut: unit [n, n, n, 3] indexed [r, g, b], sRGB-encoded in and out.
      grain_sigma: standard deviation at mid-grey, in unit range.
      grain_size: of the Gaussian that softens the grain, as a share of the long side.
      halation_radius: of the glow, as a share of the long side.
      halation_strength: share of the highlights' light that goes into red.
    """

    name: str
    lut: np.ndarray
    grain_sigma: float = 0.015
    grain_size: float = 0.001
    halation_radius: float = 0.006
    halation_strength: float = 0.12


def looks() -> tuple[str, ...]:
    """Names of the looks that ship with the package."""
    folder = resources.files("cinegan_jax.film") / "recipes"
    return tuple(sorted(f.name[:-4] for f in folder.iterdir() if f.name.endswith(".npz")))


def load_look(name: str) -> FilmLook:
    """A shipped look by name, or the user's own from a `.cube` or HaldCLUT PNG file.

    Raises:
      UserError: there is no such look or file, or the file is damaged.
    """
    if name in looks():
        file = resources.files("cinegan_jax.film") / "recipes" / f"{name}.npz"
        with file.open("rb") as opened, np.load(opened) as arrays:
            return FilmLook(name, arrays["table"].astype(np.float32) / 65535)
    path = Path(name)
    if path.suffix.lower() not in (".cube", ".png"):
        raise UserError(
            f"look {name!r} is not one of {', '.join(looks())}, nor a .cube or HaldCLUT .png file"
        )
    return FilmLook(path.stem, read_lut(path))


def photo_seed(name: str) -> int:
    """A photo's own seed: the CRC-32 of its name."""
    return zlib.crc32(name.encode("utf-8"))


def render(
    photo: np.ndarray, look: FilmLook, seed: int, grain: bool = True, halation: bool = True
) -> np.ndarray:
    """The photo with the look.

    Args:
      photo: uint8 [h, w, 3].
      look: what film to emulate.
      seed: of the grain.
      grain: whether to add grain.
      halation: whether to add the glow.

    Returns:
      uint8 [h, w, 3], rounded.
    """
    picture: np.ndarray = photo.astype(np.float32) / 255
    if halation and look.halation_strength:
        picture = add_halation(picture, look.halation_radius, look.halation_strength)
    picture = np.asarray(apply_lut(look.lut, picture))
    if grain:
        picture = add_grain(picture, look.grain_sigma, look.grain_size, seed)
    return np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)


def add_halation(picture: np.ndarray, radius: float, strength: float) -> np.ndarray:
    """A red glow round highlights: unit float32 [h, w, 3] to the same, clipped.

    `radius` is the Gaussian's standard deviation as a share of the long side.
    """
    linear = srgb_to_linear(picture)
    light = luminance(linear)
    highlights = np.clip((light - HALATION_THRESHOLD) / (1 - HALATION_THRESHOLD), 0, 1) * light
    spread = ndimage.gaussian_filter(highlights, radius * max(picture.shape[:2]))
    glow = strength * np.maximum(spread - highlights, 0.0)
    red = np.minimum(linear[..., 0] + glow, 1.0)
    return np.stack([linear_to_srgb(red), picture[..., 1], picture[..., 2]], axis=-1)


def add_grain(picture: np.ndarray, sigma: float, size: float, seed: int) -> np.ndarray:
    """Density-dependent grain: unit float32 [h, w, 3] to the same, not clipped.

    `sigma` is its standard deviation at mid-grey; `size` softens it, as a share of the long side.
    """
    height, width = picture.shape[:2]
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((height, width, 4), np.float32)
    softness = size * max(height, width)
    noise = ndimage.gaussian_filter(noise, (softness, softness, 0))
    noise /= np.maximum(noise.std(), 1e-6)
    return lay_grain(picture, noise, sigma)
