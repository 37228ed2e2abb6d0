"""LUT files: `.cube` (Adobe Cube LUT Specification 1.0) and HaldCLUT PNG."""

import math
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole

MAX_SIZE = 256


def read_lut(path: Path) -> np.ndarray:
    """A LUT file as float32 [n, n, n, 3], indexed [r, g, b], unit range.

    Raises:
      UserError: the file is missing, of another kind, or damaged.
    """
    if not path.is_file():
        raise UserError(f"there is no LUT file {path}")
    match path.suffix.lower():
        case ".cube":
            return _read_cube(path)
        case ".png":
            return _read_hald(path)
        case other:
            raise UserError(f"{path}: {other!r} is no LUT file; use .cube or a HaldCLUT .png")


def write_lut(path: Path, lut: np.ndarray, comments: Sequence[str] = ()) -> None:
    """Writes a LUT file, whole or not at all; its suffix says which kind, as for `read_lut`.

    Args:
      path: a `.cube` or a HaldCLUT `.png`.
      lut: unit [n, n, n, 3] indexed [r, g, b]; for a HaldCLUT, n is 4, 9, 16, 25, 36, 49 or 64.
      comments: lines for a `.cube`.

    Raises:
      UserError: another suffix, another size for a HaldCLUT, or the file cannot be written.
    """
    match path.suffix.lower():
        case ".cube":
            content = encode_cube(lut, comments)
        case ".png":
            content = encode_hald(lut)
        case other:
            raise UserError(f"{path}: {other!r} is no LUT file; use .cube or a HaldCLUT .png")
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def encode_cube(lut: np.ndarray, comments: Sequence[str] = ()) -> bytes:
    """A LUT, unit [n, n, n, 3], as a `.cube` that all readers take.

    There are comments, LUT_3D_SIZE and the colours, and nothing else: OpenColorIO refuses TITLE,
    darktable LUT_3D_INPUT_RANGE. Reading it gives the same float32 values. The last comment says
    that input and output are sRGB-encoded.
    """
    words = [*comments, "Input and output are sRGB-encoded."]
    heads = [f"# {' '.join(comment.split())}" for comment in words]
    numbers = [
        " ".join(np.format_float_positional(value, min_digits=6) for value in colour)
        for colour in _red_fastest(lut).astype(np.float32).reshape(-1, 3)
    ]
    lines = [*heads, f"LUT_3D_SIZE {len(lut)}", *numbers, ""]
    return "\n".join(lines).encode("ascii", "replace")


def encode_hald(lut: np.ndarray) -> bytes:
    """A LUT, unit [n, n, n, 3] with n a square number, as a HaldCLUT PNG of 16 bits.

    64 nodes an axis, level 8, are 512x512 pixels.

    Raises:
      UserError: n is no square number from 4 to 64.
    """
    level = math.isqrt(len(lut))
    if level**2 != len(lut) or not 2 <= level <= 8:
        raise UserError(f"a HaldCLUT has 4, 9, 16, 25, 36, 49 or 64 nodes an axis, not {len(lut)}")
    levels = np.rint(_red_fastest(lut).astype(np.float64) * 65535).astype(np.uint16)
    return bytes(imagecodecs.png_encode(levels.reshape(level**3, level**3, 3)))


def _red_fastest(lut: np.ndarray) -> np.ndarray:
    """[r, g, b] to the order of files, [b, g, r], and back."""
    return np.ascontiguousarray(lut.transpose(2, 1, 0, 3))


def _read_cube(path: Path) -> np.ndarray:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file, so it is no .cube LUT") from error
    size, rows = 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0][0].isalpha():
            size = _cube_keyword(path, number, words) or size
        else:
            rows.append(_numbers(path, number, words))
    if not size:
        raise UserError(f"{path} has no line LUT_3D_SIZE N, so it is no 3D .cube LUT")
    if len(rows) != size**3:
        raise UserError(
            f"{path} has {len(rows)} rows of colours; LUT_3D_SIZE {size} needs {size**3}: "
            "it is damaged or cut off"
        )
    table = np.array(rows, np.float32).reshape(size, size, size, 3)
    return _red_fastest(np.clip(table, 0.0, 1.0))


def _cube_keyword(path: Path, number: int, words: list[str]) -> int:
    """The size, if this line gives it; 0 otherwise."""
    match words[0]:
        case "TITLE":
            return 0
        case "LUT_3D_SIZE":
            return _size(path, number, words)
        case "DOMAIN_MIN" | "DOMAIN_MAX" | "LUT_3D_INPUT_RANGE":
            wanted = {"DOMAIN_MIN": [0.0] * 3, "DOMAIN_MAX": [1.0] * 3}.get(words[0], [0.0, 1.0])
            found = [_number(path, number, word) for word in words[1:]]
            if found != wanted:
                raise UserError(
                    f"{path}, line {number}: {words[0]} {found}; only {wanted} can be read"
                )
            return 0
        case "LUT_1D_SIZE":
            raise UserError(f"{path} is a 1D LUT (line {number}); a look needs LUT_3D_SIZE")
        case other:
            raise UserError(f"{path}, line {number}: {other!r} is no keyword of a .cube LUT")


def _size(path: Path, number: int, words: list[str]) -> int:
    if len(words) == 2 and words[1].isdigit() and 2 <= int(words[1]) <= MAX_SIZE:
        return int(words[1])
    raise UserError(f"{path}, line {number}: {' '.join(words)!r}; N must be 2 to {MAX_SIZE}")


def _numbers(path: Path, number: int, words: list[str]) -> list[float]:
    if len(words) != 3:
        raise UserError(f"{path}, line {number}: {len(words)} numbers where a colour has 3")
    return [_number(path, number, word) for word in words]


def _number(path: Path, number: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise UserError(f"{path}, line {number}: {word!r} is not a number")
    return value


def _read_hald(path: Path) -> np.ndarray:
    """A square picture of side level ** 3 holds a LUT of level ** 2 nodes an axis."""
    try:
        picture = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a PNG picture: {error}") from error
    level = round(picture.shape[0] ** (1 / 3))
    if picture.ndim != 3 or picture.shape[:2] != (level**3, level**3) or level < 2:
        raise UserError(
            f"{path} is {' x '.join(map(str, picture.shape))}; a HaldCLUT is a square RGB picture "
            "of side 8, 27, 64, 125, 216, 343 or 512"
        )
    largest = np.iinfo(picture.dtype).max
    size = level**2
    table = picture[..., :3].astype(np.float32).reshape(size, size, size, 3) / largest
    return _red_fastest(table)
