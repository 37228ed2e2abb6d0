"""LUT of a look, and its error on photos that it was not fitted to."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.inference.look import Look, LutLook, NetworkLook
from cinegan_jax.inference.look_lut import blended_table, sample_key
from cinegan_jax.inference.lut_fit import (
    Develop,
    fit_colour_table,
    make_develop,
    read_photos,
    resize_lut,
)
from cinegan_jax.inference.lut_store import KeptLut, find_lut, in_steps, keep_lut, lut_key
from cinegan_jax.metrics.delta_e import ciede2000
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.ops.lut import apply_lut, identity_lut
from cinegan_jax.photos.contents import holds_photo
from cinegan_jax.photos.photo_process import PhotoProcess

_MAX_PHOTOS = 60
"""Maximum number of photos taken from a folder; more take longer and hardly change the LUT."""
_HELD_OUT_EVERY = 5
"""Every fifth photo of a folder is not fitted to; the error is measured on these photos."""
_SIZES = (17, 33, 64, 65)
"""Nodes per axis for which the error is kept with a LUT."""


@dataclass(frozen=True)
class ColourDifference:
    """Mean and 95th percentile of the CIEDE2000 colour difference over the pixels of images."""

    mean: float
    percentile_95: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} (95th percentile {self.percentile_95:.2f})"


@dataclass(frozen=True)
class FittedLut:
    """LUT of a look, with its error.

    Attributes:
      lut: float32 [n, n, n, 3] as in `ops.lut`.
      fitted, held_out: number of photos that the LUT was fitted to and measured on; a look that is
        a LUT is resampled, and fitted to none.
      error: difference between the LUT's images and the look's, on the held-out photos.
      unchanged: difference between these photos and the look's images.
    """

    lut: np.ndarray
    fitted: int
    held_out: int
    error: ColourDifference
    unchanged: ColourDifference


def fit_look_lut(
    look: Look, size: int, folder: Path | None = None, strength: float = 1.0
) -> FittedLut:
    """Fit a LUT to a look, find the one kept from an earlier fit, or resample the LUT of one.

    Args:
      look: the look.
      size: nodes per axis.
      folder: photos to fit to, subfolders included; None: the embedded photos.
      strength: the LUT gives photo + strength * (look - photo).

    Raises:
      UserError: the folder is missing or has fewer than two readable photos.
    """
    if isinstance(look, LutLook):
        return _resampled(look, size, folder, strength)
    assert isinstance(look, NetworkLook)
    files = None if folder is None else _chosen_files(folder)
    key = sample_key(look, strength) if files is None else lut_key(look, strength, files)
    kept = find_lut(look.name, key)
    if kept is None or str(size) not in kept.report.get("errors", {}):
        fitted, held_out = _sample_split() if files is None else _split(files, folder)
        develop = make_develop(look, strength)
        table = in_steps(fit_colour_table(develop, fitted)) if kept is None else kept.table
        kept = KeptLut(table, _report(table, develop, len(fitted), held_out, {*_SIZES, size}))
        keep_lut(key, kept)
    report = kept.report
    error, unchanged = (
        ColourDifference(*found) for found in (report["errors"][str(size)], report["unchanged"])
    )
    lut = resize_lut(kept.table, size)
    return FittedLut(lut, report["fitted"], report["held_out"], error, unchanged)


def _resampled(look: LutLook, size: int, folder: Path | None, strength: float) -> FittedLut:
    _, held_out = _sample_split() if folder is None else _split(_chosen_files(folder), folder)
    develop = make_develop(look, strength)
    lut = blended_table(look.colours, size, strength)
    error = _difference(lut, develop, held_out)
    unchanged = _difference(identity_lut(2), develop, held_out)
    return FittedLut(lut, 0, len(held_out), error, unchanged)


def _report(
    table: np.ndarray,
    develop: Develop,
    fitted: int,
    held_out: Sequence[np.ndarray],
    sizes: Iterable[int],
) -> dict[str, Any]:
    """Return the contents of a `FittedLut` at several sizes, in JSON types."""
    errors = {str(n): _difference(resize_lut(table, n), develop, held_out) for n in sorted(sizes)}
    return {
        "fitted": fitted,
        "held_out": len(held_out),
        "errors": {size: dataclasses.astuple(error) for size, error in errors.items()},
        "unchanged": dataclasses.astuple(_difference(identity_lut(2), develop, held_out)),
    }


def _difference(
    lut: np.ndarray, develop: Develop, photos: Sequence[np.ndarray]
) -> ColourDifference:
    """Compare a LUT with a look over all pixels of uint8 [h, w, 3] photos."""
    distances = [
        ciede2000(srgb_to_lab(apply_lut(lut, photo / np.float32(255))), srgb_to_lab(develop(photo)))
        for photo in photos
    ]
    pixels = np.concatenate([np.ravel(distance) for distance in distances])
    return ColourDifference(float(pixels.mean()), float(np.percentile(pixels, 95)))


def _sample_split() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return read_photos(sample_photos("train")), read_photos(sample_photos("test"))


def _chosen_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"--photos {folder} is not a folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and holds_photo(path))
    evenly = np.linspace(0, len(files) - 1, min(len(files), _MAX_PHOTOS))
    return [files[round(index)] for index in evenly]


def _split(files: Sequence[Path], folder: Path | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with contextlib.closing(PhotoProcess()) as process:
        photos = read_photos(files, process.decode)
    if len(photos) < 2:
        raise UserError(
            f"--photos {folder} has {len(photos)} readable photos; a LUT needs 2 or more, "
            "better 20 of many colours"
        )
    held_out = photos[::_HELD_OUT_EVERY]
    return [photo for i, photo in enumerate(photos) if i % _HELD_OUT_EVERY], held_out
