"""Read and write LUT files; the file name ending selects the format.

A LUT is written from an array [n, n, n, 3], indexed [r, g, b], in unit range. To add a format,
write its module with a reader and an encoder, and add it to `_FORMATS`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole
from cinegan_jax.film.lut import Lut
from cinegan_jax.film.lut_cube import encode_cube, read_cube
from cinegan_jax.film.lut_hald import encode_hald, read_hald


class _LutFormat(NamedTuple):
    read: Callable[[Path], Lut]
    encode: Callable[[np.ndarray, Sequence[str]], bytes]


_FORMATS: Mapping[str, _LutFormat] = {
    ".cube": _LutFormat(read_cube, encode_cube),
    ".png": _LutFormat(read_hald, lambda lut, comments: encode_hald(lut)),
}

LUT_SUFFIXES = tuple(_FORMATS)
"""File name endings of LUT files, in lower case; any case is accepted."""


def read_lut(path: Path) -> Lut:
    """Read a LUT file.

    Raises:
      UserError: the file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise UserError(f"there is no LUT file {path}")
    try:
        return _format_of(path).read(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def write_lut(path: Path, lut: np.ndarray, comments: Sequence[str] = ()) -> None:
    """Write a LUT file atomically.

    Args:
      path: a `.cube` or a HaldCLUT `.png`.
      lut: unit [n, n, n, 3]; for a HaldCLUT, n is 4, 9, 16, 25, 36, 49 or 64.
      comments: lines of comment for a `.cube`; a HaldCLUT has none.

    Raises:
      UserError: the ending is unknown, n is not possible for a HaldCLUT, or the file cannot be
        written.
    """
    content = _format_of(path).encode(lut, comments)
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def _format_of(path: Path) -> _LutFormat:
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise UserError(f"{path}: unknown LUT format {suffix!r}; use .cube or a HaldCLUT .png")
    return _FORMATS[suffix]
