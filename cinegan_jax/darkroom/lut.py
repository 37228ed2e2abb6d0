"""A LUT of a look, with what it misses on photos that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.inference.look import TrainedLook
from cinegan_jax.inference.lut_fit import (
    Develop,
    fit_colour_table,
    make_develop,
    read_photos,
    resized,
)
from cinegan_jax.metrics.delta_e import ciede2000
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.ops.lut import apply_lut, identity_lut
from cinegan_jax.photos.kinds import is_photo, without_developed_raw

MOST_PHOTOS = 60
"""Taken from a folder, evenly over its names: more take longer and hardly change the LUT."""
HELD_OUT_EVERY = 5
"""One photo in so many of a folder is kept out of the fit, to measure the LUT on."""


@dataclass(frozen=True)
class Difference:
    """CIEDE2000 over the pixels of some pictures."""

    mean: float
    percentile_95: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} (95th percentile {self.percentile_95:.2f})"


@dataclass(frozen=True)
class LookTable:
    """The colours of a look.

    Attributes:
      lut: float32 [n, n, n, 3] as in `ops.lut`.
      fitted, held_out: how many photos the LUT was fitted to and measured on.
      miss: from the LUT's pictures to the look's, on the photos held out.
      untouched: from those photos to the look's pictures.
    """

    lut: np.ndarray
    fitted: int
    held_out: int
    miss: Difference
    untouched: Difference


def make_table(
    look: TrainedLook, size: int, folder: Path | None = None, strength: float = 1.0
) -> LookTable:
    """Fits the LUT of a look.

    Args:
      look: the look.
      size: nodes an axis.
      folder: photos to fit to, searched with its subfolders; without it, the embedded photos.
      strength: photo + strength * (look - photo).

    Raises:
      UserError: the folder is missing or has fewer than two photos that can be read.
    """
    fitted, held_out = _sample_split() if folder is None else _folder_split(folder)
    develop = make_develop(look, strength)
    lut = resized(fit_colour_table(develop, fitted), size)
    miss = difference(lut, develop, held_out)
    untouched = difference(identity_lut(2), develop, held_out)
    return LookTable(lut, len(fitted), len(held_out), miss, untouched)


def difference(lut: np.ndarray, develop: Develop, photos: Sequence[np.ndarray]) -> Difference:
    """How far a LUT's pictures are from a look's, over all pixels of uint8 [h, w, 3] photos."""
    distances = [
        ciede2000(srgb_to_lab(apply_lut(lut, photo / np.float32(255))), srgb_to_lab(develop(photo)))
        for photo in photos
    ]
    pixels = np.concatenate([np.ravel(distance) for distance in distances])
    return Difference(float(pixels.mean()), float(np.percentile(pixels, 95)))


def _sample_split() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return read_photos(sample_photos("train")), read_photos(sample_photos("test"))


def _folder_split(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    if not folder.is_dir():
        raise UserError(f"--photos {folder} is no folder")
    files = without_developed_raw(sorted(filter(is_photo, folder.rglob("*"))))
    evenly = np.linspace(0, len(files) - 1, min(len(files), MOST_PHOTOS))
    photos = read_photos(files[round(index)] for index in evenly)
    if len(photos) < 2:
        raise UserError(
            f"--photos {folder} has {len(photos)} photos that can be read; a LUT needs 2 or more, "
            "better 20 of many colours"
        )
    held_out = photos[::HELD_OUT_EVERY]
    return [photo for i, photo in enumerate(photos) if i % HELD_OUT_EVERY], held_out
