"""HaldCLUT: a LUT as a PNG image, with red varying fastest.

A square image of side level ** 3 holds a LUT of level ** 2 nodes per axis.
"""

import math
import struct
from pathlib import Path

import imagecodecs
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut import Lut

HALD_LEVELS = range(2, 17)
"""Levels that can be read; 16 is a table of 256 nodes per axis."""

_PNG_HEADER = struct.Struct(">8sI4sII")
"""Signature, length and kind of the first chunk, width, height."""


def read_hald(path: Path) -> Lut:
    """Read a HaldCLUT PNG of 8 or 16 bits; a grey one makes photos grey.

    Raises:
      UserError: the file is damaged, or its image has another shape.
    """
    level = _level(path)
    try:
        image = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a PNG image: {error}") from error
    channels = image.reshape(*image.shape[:2], -1)
    colours = channels[..., [0, 1, 2]] if channels.shape[2] > 2 else channels[..., [0, 0, 0]]
    largest = np.float32(np.iinfo(image.dtype).max)
    table = colours.reshape(*[level**2] * 3, 3).astype(np.float32) / largest
    return Lut.from_table(np.ascontiguousarray(table.transpose(2, 1, 0, 3)))


def encode_hald(lut: np.ndarray) -> bytes:
    """Encode a LUT, unit [n, n, n, 3] with n a square number, as a HaldCLUT PNG of 16 bits.

    64 nodes per axis, level 8, are an image of 512x512.

    Raises:
      UserError: n is not a square number from 4 to 64.
    """
    level = math.isqrt(len(lut))
    if level**2 != len(lut) or not 2 <= level <= 8:
        raise UserError(f"a HaldCLUT has 4, 9, 16, 25, 36, 49 or 64 nodes an axis, not {len(lut)}")
    blue_first = np.ascontiguousarray(lut.transpose(2, 1, 0, 3)).astype(np.float64)
    levels = np.rint(blue_first * 65535).astype(np.uint16)
    return bytes(imagecodecs.png_encode(levels.reshape(level**3, level**3, 3)))


def _level(path: Path) -> int:
    """Return the level that the size of the image gives, without decoding it."""
    with path.open("rb") as file:
        start = file.read(_PNG_HEADER.size)
    if len(start) < _PNG_HEADER.size or not start.startswith(b"\x89PNG\r\n\x1a\n"):
        raise UserError(f"{path} cannot be read as a PNG image: it does not begin like one")
    *_, width, height = _PNG_HEADER.unpack(start)
    for level in HALD_LEVELS:
        if width == height == level**3:
            return level
    sides = ", ".join(str(level**3) for level in HALD_LEVELS)
    raise UserError(
        f"{path} is {width} x {height} pixels; a HaldCLUT is a square image whose side is one of "
        f"{sides} (level L: side L^3, {HALD_LEVELS[0] ** 2} to {HALD_LEVELS[-1] ** 2} nodes an "
        "axis)"
    )
