"""Files of JSON objects, one per line, that grow by appending and survive killed writers.

The last line of such a file may be cut short; readers skip it, and the next writer removes it.
"""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from absl import logging

from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.storage import AnyPath, write_whole


class JsonLines:
    """Append records to a local file.

    A record has been passed to the operating system when `append` returns, so that a killed process
    loses none. The first append removes a last line that was cut short.

    Args:
      path: of the file; the first append makes it if needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record as one whole line, or nothing.

        Raises:
          OSError: the line cannot be written, for example on a full disk; the file is unchanged.
        """
        if self._file is None:
            self._file = self.path.open("a+b", buffering=0)
            _remove_partial_line(self._file)
        line = (json.dumps(record) + "\n").encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Close the file; the next `append` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_json_lines(path: AnyPath) -> Iterator[dict[str, Any]]:
    """Yield the records of a file, none if it is missing.

    Lines that are not JSON objects, and a last line without an end, are skipped.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = parse_json(line)
            except ValueError:
                continue
            if isinstance(record, dict) and line.endswith(b"\n"):
                yield record


def drop_after(path: Path, step: int) -> None:
    """Remove the records of later steps from a file whose records have the key `step`.

    Lines without a step, such as one that was cut short, are removed with a warning. Other lines
    are kept byte for byte. The file is replaced atomically; a missing file stays missing. Close a
    `JsonLines` of this path before.

    Args:
      path: of the file.
      step: the last step to keep.

    Raises:
      OSError: the file cannot be replaced; it is unchanged.
    """
    if not path.exists():
        return
    before = path.read_bytes()
    kept = [line for line in before.splitlines() if _is_within(line, step, path)]
    after = b"".join(line + b"\n" for line in kept)
    if after != before:
        write_whole(path, after)


def _is_within(line: bytes, step: int, path: Path) -> bool:
    try:
        return bool(parse_json(line)["step"] <= step)
    except (ValueError, KeyError, TypeError):
        logging.warning("Dropped a broken line from %s: %r.", path, line[:80])
        return False


def _remove_partial_line(file: FileIO) -> None:
    """Truncate a file after the end of its last whole line."""
    size = end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 2**16)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        file.truncate(end)
