"""`.cube` LUT files (Adobe Cube LUT Specification 1.0), three-dimensional, red varying fastest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cinegan_jax.core.errors import UserError

MAX_LUT_SIZE = 256
"""Maximum number of nodes per axis."""


def read_cube(path: Path) -> np.ndarray:
    """Read a `.cube` file as float32 [n, n, n, 3], clipped to unit range.

    Raises:
      UserError: the file is not a complete 3D LUT for inputs in unit range.
    """
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
            size = _keyword(path, number, words) or size
        else:
            rows.append(_numbers(path, number, words))
    if not size:
        raise UserError(f"{path} has no line LUT_3D_SIZE N, so it is no 3D .cube LUT")
    if len(rows) != size**3:
        raise UserError(
            f"{path} has {len(rows)} rows of colours, but LUT_3D_SIZE {size} needs {size**3}"
        )
    table = np.array(rows, np.float32).reshape(size, size, size, 3)
    return np.ascontiguousarray(np.clip(table, 0.0, 1.0).transpose(2, 1, 0, 3))


def encode_cube(lut: np.ndarray, comments: Sequence[str] = ()) -> bytes:
    """Encode a LUT, unit [n, n, n, 3], as a `.cube` file that all common readers accept.

    The file has comments, LUT_3D_SIZE and the colours only: OpenColorIO refuses TITLE, darktable
    LUT_3D_INPUT_RANGE. The last comment states that input and output are sRGB-encoded. Reading the
    file gives the same float32 values.
    """
    words = [*comments, "Input and output are sRGB-encoded."]
    heads = [f"# {' '.join(comment.split())}" for comment in words]
    blue_first = np.ascontiguousarray(lut.transpose(2, 1, 0, 3)).astype(np.float32)
    numbers = [
        " ".join(np.format_float_positional(value, min_digits=6) for value in colour)
        for colour in blue_first.reshape(-1, 3)
    ]
    lines = [*heads, f"LUT_3D_SIZE {len(lut)}", *numbers, ""]
    return "\n".join(lines).encode("ascii", "replace")


def _keyword(path: Path, number: int, words: list[str]) -> int:
    """Return the size if this line gives it, or 0."""
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
    if len(words) == 2 and words[1].isdigit() and 2 <= int(words[1]) <= MAX_LUT_SIZE:
        return int(words[1])
    raise UserError(f"{path}, line {number}: {' '.join(words)!r}; N must be 2 to {MAX_LUT_SIZE}")


def _numbers(path: Path, number: int, words: list[str]) -> list[float]:
    if len(words) != 3:
        raise UserError(f"{path}, line {number}: {len(words)} numbers, but a colour has 3")
    return [_number(path, number, word) for word in words]


def _number(path: Path, number: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise UserError(f"{path}, line {number}: {word!r} is not a number")
    return value
