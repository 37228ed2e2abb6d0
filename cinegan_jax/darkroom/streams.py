"""Photos from standard input and to standard output, named `-`."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinegan_jax.core.errors import UserError

STREAM = "-"
_NAME = "stdin"


@dataclass(frozen=True)
class StreamedFiles:
    """Files in place of the streams.

    Attributes:
      photos: the given photos; `-` is a copy of standard input.
      output: value of `-o`; a folder in place of `-`.
      prints_photo: whether the result goes to standard output.
    """

    photos: list[Path]
    output: str | None
    prints_photo: bool


@contextlib.contextmanager
def streamed_files(photos: Sequence[Path], output: str | None) -> Iterator[StreamedFiles]:
    """Give files in place of `-`; print the result to standard output at the end.

    Raises:
      UserError: `-` is given with other photos, or the result has no place.
    """
    from_stream, to_stream = Path(STREAM) in photos, output == STREAM
    if not from_stream and not to_stream:
        yield StreamedFiles(list(photos), output, prints_photo=False)
        return
    if len(photos) > 1 or photos[0].is_dir():
        raise UserError("- stands for a single photo: give one photo and no folder")
    if output is None:
        raise UserError("a photo from standard input needs -o FILE, -o FOLDER or -o -")
    with tempfile.TemporaryDirectory(prefix="cinegan-") as folder:
        result = Path(folder) / "result"
        files = [_copied_input(Path(folder) / _NAME)] if from_stream else list(photos)
        yield StreamedFiles(files, str(result) if to_stream else output, to_stream)
        if to_stream and result.is_dir():
            for path in result.iterdir():
                with path.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _copied_input(path: Path) -> Path:
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path
