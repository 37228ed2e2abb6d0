"""The keywords of a `.cube` LUT file, which come before its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cinegan_jax.core.errors import UserError

MAX_LUT_SIZE = 256
"""Maximum number of nodes per axis of a table."""
MAX_CURVE_SIZE = 65536
"""Maximum number of nodes of a curve."""

MAX_NUMBER = float(np.finfo(np.float32).max)

Range = tuple[np.ndarray, np.ndarray]
"""Lowest and highest input of each channel, float32 [3] each."""


def _unit_range() -> Range:
    return np.zeros(3, np.float32), np.ones(3, np.float32)


@dataclass
class CubeHeader:
    """Settings that the keywords of a file give.

    Attributes:
      curve_size, table_size: nodes of the curves, and per axis of the table; 0 for none.
      curve_range, table_range: their ranges of inputs.
      video_in, video_out: inputs and outputs are in video range, 64 to 940 of 1023.
    """

    curve_size: int = 0
    table_size: int = 0
    curve_range: Range = field(default_factory=_unit_range)
    table_range: Range = field(default_factory=_unit_range)
    video_in: bool = False
    video_out: bool = False

    @property
    def sizes(self) -> str:
        """The sizes as the file gives them."""
        sizes = {"LUT_1D_SIZE": self.curve_size, "LUT_3D_SIZE": self.table_size}
        return " and ".join(f"{keyword} {size}" for keyword, size in sizes.items() if size)


Line = tuple[int, list[str]]
"""Line number, from 1, and words of a line."""


def read_cube_header(path: Path, lines: Iterator[Line]) -> tuple[CubeHeader, list[Line]]:
    """Consume the lines up to the first row of colours.

    Returns:
      The header, and the first row, which is no longer in `lines`; none if there is no row.

    Raises:
      UserError: a keyword is not known or has a wrong value, or no size is given.
    """
    header = CubeHeader()
    first_row: list[Line] = []
    for line_number, words in lines:
        if not words[0][0].isalpha():
            first_row.append((line_number, words))
            break
        _read_keyword(path, line_number, words, header)
    if not header.sizes:
        raise UserError(
            f"{path} has no line LUT_3D_SIZE N or LUT_1D_SIZE N before its colours, so it is no "
            ".cube LUT"
        )
    for low, high in (header.curve_range, header.table_range):
        if not (low < high).all():
            raise UserError(f"{path}: the input range {low} to {high} is empty")
    return header, first_row


def number(path: Path, line_number: int, word: str) -> float:
    """Return a finite number from a file.

    Raises:
      UserError: the word is none.
    """
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not abs(value) <= MAX_NUMBER:
        raise UserError(f"{path}, line {line_number}: {word[:40]!r} is not a number")
    return value


def _read_keyword(path: Path, line_number: int, words: list[str], header: CubeHeader) -> None:
    keyword, values = words[0].upper(), words[1:]

    def numbers(count: int) -> np.ndarray:
        if len(values) != count:
            raise UserError(
                f"{path}, line {line_number}: {keyword} needs {count} numbers, not {len(values)}"
            )
        return np.array([number(path, line_number, word) for word in values], np.float32)

    def size(largest: int) -> int:
        if len(values) == 1 and values[0].isdecimal() and 2 <= int(values[0][:9]) <= largest:
            return int(values[0])
        given = " ".join(words)[:40]
        raise UserError(f"{path}, line {line_number}: {given!r}; N must be 2 to {largest}")

    match keyword:
        case "TITLE":
            pass
        case "LUT_1D_SIZE":
            header.curve_size = size(MAX_CURVE_SIZE)
        case "LUT_3D_SIZE":
            header.table_size = size(MAX_LUT_SIZE)
        case "DOMAIN_MIN":
            header.curve_range[0][:] = header.table_range[0][:] = numbers(3)
        case "DOMAIN_MAX":
            header.curve_range[1][:] = header.table_range[1][:] = numbers(3)
        case "LUT_1D_INPUT_RANGE":
            header.curve_range[0][:], header.curve_range[1][:] = numbers(2)
        case "LUT_3D_INPUT_RANGE":
            header.table_range[0][:], header.table_range[1][:] = numbers(2)
        case "LUT_IN_VIDEO_RANGE":
            header.video_in = True
        case "LUT_OUT_VIDEO_RANGE":
            header.video_out = True
        case _:
            raise UserError(
                f"{path}, line {line_number}: {words[0][:40]!r} is no keyword of a .cube LUT"
            )
