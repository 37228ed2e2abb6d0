"""Contact sheet of one photo with several looks."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import Look
from cinegan_jax.pages.image_grid import image_grid
from cinegan_jax.photos.levels import rounded_to_eight_bits
from cinegan_jax.photos.limits import MAX_PHOTO_PIXELS
from cinegan_jax.photos.photo_process import PhotoProcess
from cinegan_jax.photos.resizing import Resize

_SIDE = 480
"""Long side of each image, in pixels."""
_CAPTION = 28
_COLUMNS = 4
_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}


def check_sheet_file(path: Path, photo: Path) -> None:
    """Raise UserError if a sheet of a photo cannot be written to a file."""
    if path.suffix.lower() not in _FORMATS:
        raise UserError(f"--output {path}: a sheet needs a name that ends with .png or .jpg")
    if path.exists() and photo.exists() and path.samefile(photo):
        raise UserError(f"--output {path} is the photo itself: give another file")
    if not path.parent.is_dir():
        raise UserError(f"--output {path}: no such folder")


def write_look_sheet(photo: Path, looks: Sequence[Look], settings: Settings, path: Path) -> None:
    """Write the photo itself and with each look, under captions.

    Raises:
      UserError: the photo cannot be read.
      OSError: the file cannot be written.
    """
    with contextlib.closing(PhotoProcess()) as process:
        process.probe(photo, str(photo))
        pixels = process.read(MAX_PHOTO_PIXELS, size=Resize(_SIDE, _SIDE)).pixels
    if pixels.dtype == np.uint16:
        pixels = rounded_to_eight_bits(pixels)
    images = [pixels, *(develop(pixels, look, settings) for look in looks)]
    captions = ["unchanged", *(look.name for look in looks)]
    columns = min(_COLUMNS, len(images))
    sheet = image_grid(np.stack(images), columns, captions, caption_height=_CAPTION)
    Image.fromarray(sheet).save(path, _FORMATS[path.suffix.lower()], quality=90)
