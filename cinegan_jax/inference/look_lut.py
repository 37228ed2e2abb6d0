"""The colours of a look as a LUT that can be saved."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.lut import Lut
from cinegan_jax.film.lut_cube_header import MAX_LUT_SIZE
from cinegan_jax.film.lut_files import write_lut
from cinegan_jax.inference.develop import Settings
from cinegan_jax.inference.look import Look, LutLook, NetworkLook
from cinegan_jax.inference.lut_fit import fit_colour_table, make_develop, read_photos, resize_lut
from cinegan_jax.inference.lut_store import KeptLut, find_lut, in_steps, keep_lut, lut_key
from cinegan_jax.ops.lut import identity_lut


@dataclass(frozen=True, eq=False)
class ColourLut:
    """The colours of a look, without its grain, glow and local changes.

    Attributes:
      table: float32 [n, n, n, 3] indexed [r, g, b], in unit range.
      look: name of the look.
      strength: strength of the look.
    """

    table: np.ndarray
    look: str
    strength: float

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a `.cube` or a HaldCLUT `.png`, whole or not at all, and return the path.

        Raises:
          UserError: the suffix is another one, a HaldCLUT needs another size, or the file cannot be
            written.
        """
        strength = f"strength {self.strength:g}"
        comment = f"The colours of the look {self.look} at {strength}, by cinegan-jax."
        write_lut(Path(path), self.table, [comment])
        return Path(path)


def look_lut(
    look: Look,
    size: int,
    strength: float = 1.0,
    photos: Iterable[str | os.PathLike[str]] | None = None,
) -> ColourLut:
    """Return the colours of a look as a LUT: resampled from a LUT, or fitted to a network.

    Args:
      look: the look.
      size: nodes along each axis.
      strength: photo + strength * (look - photo), 0 to 1.5.
      photos: photo files to fit to; None: the embedded photos.

    Raises:
      UserError: an argument is out of range, or no photo can be read.
    """
    Settings(strength=strength).check()
    if not 2 <= size <= MAX_LUT_SIZE:
        raise UserError(f"size={size} must be 2 to {MAX_LUT_SIZE} nodes along each axis")
    if isinstance(look, LutLook):
        return ColourLut(blended_table(look.colours, size, strength), look.name, strength)
    if photos is None:
        return ColourLut(resize_lut(fit_sample_table(look, strength), size), look.name, strength)
    files = [Path(photo) for photo in photos]
    readable = read_photos(files)
    if not readable:
        raise UserError(f"none of the {len(files)} photos can be read; a LUT is fitted to photos")
    table = fit_colour_table(make_develop(look, strength), readable)
    return ColourLut(resize_lut(table, size), look.name, strength)


def blended_table(lut: Lut, size: int, strength: float) -> np.ndarray:
    """Return the table of colour + strength * (LUT - colour), clipped: [size, size, size, 3]."""
    colours = identity_lut(size)
    blended = colours + np.float32(strength) * (lut.table(size) - colours)
    return np.clip(blended, 0.0, 1.0)


def fit_sample_table(look: Look, strength: float = 1.0) -> np.ndarray:
    """Return the table of a LUT, or the one of a network on the embedded photos.

    It is fitted unless it is kept from an earlier fit.
    """
    if isinstance(look, LutLook):
        return look.colours.table()
    assert isinstance(look, NetworkLook)
    key = sample_key(look, strength)
    kept = find_lut(look.name, key)
    if kept is None:
        photos = read_photos(sample_photos("train"))
        kept = KeptLut(in_steps(fit_colour_table(make_develop(look, strength), photos)), {})
        keep_lut(key, kept)
    return kept.table


def sample_key(look: NetworkLook, strength: float) -> str:
    """Return the key of a LUT that is fitted to the embedded photos."""
    return lut_key(look, strength, sample_photos("train") + sample_photos("test"))
