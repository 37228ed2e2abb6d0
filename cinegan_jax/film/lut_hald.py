"""HaldCLUT: a LUT as a PNG image, with red varying fastest.

A square image of side level ** 3 holds a LUT of level ** 2 nodes per axis.
"""

import math
from pathlib import Path

import imagecodecs
import numpy as np

from cinegan_jax.core.errors import UserError


def read_hald(path: Path) -> np.ndarray:
    """Read a HaldCLUT PNG of 8 or 16 bits as float32 [n, n, n, 3] in unit range.

    Raises:
      UserError: the file is damaged, or its image has another shape.
    """
    try:
        image = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a PNG image: {error}") from error
    level = round(image.shape[0] ** (1 / 3))
    if image.ndim != 3 or image.shape[:2] != (level**3, level**3) or level < 2:
        raise UserError(
            f"{path} is {' x '.join(map(str, image.shape))}; a HaldCLUT is a square RGB image "
            "of side 8, 27, 64, 125, 216, 343 or 512"
        )
    largest = np.iinfo(image.dtype).max
    size = level**2
    table = image[..., :3].astype(np.float32).reshape(size, size, size, 3) / largest
    return np.ascontiguousarray(table.transpose(2, 1, 0, 3))


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
