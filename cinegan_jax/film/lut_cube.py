"""`.cube` LUT files as Adobe, IRIDAS and DaVinci Resolve define them, red varying fastest.

A file has curves (LUT_1D_SIZE), a table (LUT_3D_SIZE), or, from Resolve, curves and then a table.
"""

import codecs
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut import Lut, LutStage
from cinegan_jax.film.lut_cube_header import CubeHeader, Line, number, read_cube_header

MAX_LINE = 10_000
"""Maximum number of characters in a line."""


def read_cube(path: Path) -> Lut:
    """Read a `.cube` file in ASCII, Latin-1, UTF-8 or UTF-16.

    Raises:
      UserError: the file is not a complete LUT, has a keyword that is not known, or is too large.
    """
    lines = _lines(path)
    header, first_row = read_cube_header(path, lines)
    expected = header.curve_size + header.table_size**3
    rows = _rows(path, itertools.chain(first_row, lines), expected)
    if len(rows) != expected:
        found = len(rows) if len(rows) < expected else f"more than {expected}"
        raise UserError(f"{path} has {found} rows of colours, but {header.sizes} needs {expected}")
    return Lut(_stages(header, rows))


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


def _lines(path: Path) -> Iterator[Line]:
    """Yield the lines that have words, without comments; they end at \\n, \\r or \\r\\n."""
    with path.open(encoding=_encoding(path), errors="replace") as file:
        for line_number in itertools.count(1):
            line = file.readline(MAX_LINE)
            if not line:
                return
            if "\0" in line or len(line) == MAX_LINE:
                raise UserError(f"{path}, line {line_number}: no text, so it is no .cube LUT")
            if words := line.partition("#")[0].split():
                yield line_number, words


def _encoding(path: Path) -> str:
    """Return the encoding of a file. Latin-1 stands for ASCII and all its extensions."""
    with path.open("rb") as file:
        start = file.read(4)
    marks = {
        codecs.BOM_UTF8: "utf-8-sig",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
    }
    return next((marks[mark] for mark in marks if start.startswith(mark)), "latin-1")


def _rows(path: Path, lines: Iterator[Line], expected: int) -> np.ndarray:
    """Return float32 [rows, 3], at most one row more than is expected."""
    rows = np.empty((expected + 1, 3), np.float32)
    count = 0
    for count, (line_number, words) in enumerate(itertools.islice(lines, expected + 1), start=1):
        if len(words) != 3:
            raise UserError(f"{path}, line {line_number}: {len(words)} numbers, but a colour has 3")
        rows[count - 1] = [number(path, line_number, word) for word in words]
    return rows[:count]


def _stages(header: CubeHeader, rows: np.ndarray) -> tuple[LutStage, ...]:
    stages = []
    if header.curve_size:
        stages.append(LutStage(rows[: header.curve_size], *header.curve_range))
    if header.table_size:
        blue_first = rows[header.curve_size :].reshape(*[header.table_size] * 3, 3)
        table = np.ascontiguousarray(blue_first.transpose(2, 1, 0, 3))
        stages.append(LutStage(table, *header.table_range))
    if header.video_in:
        first = stages[0]
        stages[0] = first._replace(low=_from_video(first.low), high=_from_video(first.high))
    if header.video_out:
        stages[-1] = stages[-1]._replace(values=_from_video(stages[-1].values))
    return tuple(stages)


def _from_video(levels: np.ndarray) -> np.ndarray:
    """Convert values in video range, 64 to 940 of 1023, to full range."""
    return (levels * np.float32(1023) - np.float32(64)) / np.float32(876)
