"""Files of one JSON object a line that grow by appending, and may end in a line cut short."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any


class JsonLines:
    """Appends records to a local file.

    A record is with the operating system before `append` returns, so that a killed process loses
    none; a line that was cut short before is removed at the first append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes the whole line, or nothing.

        Raises:
          OSError: it cannot be written, as on a full disk; the file is as it was before.
        """
        if self._file is None:
            self._file = self.path.open("a+b", buffering=0)
            _cut_torn_line(self._file)
        line = (json.dumps(record) + "\n").encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Closes the file; another record opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, none if it is missing.

    Lines that are no record, and a last one that was cut short, are passed over.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and line.endswith(b"\n"):
                yield record


def _cut_torn_line(file: FileIO) -> None:
    """Removes what follows the last line's end."""
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
