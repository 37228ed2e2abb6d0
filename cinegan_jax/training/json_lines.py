"""A file that a run appends to, one JSON object a line, each with the `step` it belongs to."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging

from cinegan_jax import json_lines
from cinegan_jax.disk import is_disk_full


class JsonLines:
    """Appends records; opening drops those past `start`, which the run writes again.

    A record is with the operating system before `append` returns. On a full disk it is dropped,
    with an error in the log.
    """

    def __init__(self, path: Path, start: int) -> None:
        self._lines = json_lines.JsonLines(path)
        drop_records_after(path, start)

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes the whole line, or nothing where the disk is full."""
        try:
            self._lines.append(record)
        except OSError as error:
            if not is_disk_full(error):
                raise
            say_full("a record is missing from", self._lines.path)

    def drop_after(self, step: int) -> None:
        """Drops the records past `step`."""
        self.close()
        drop_records_after(self._lines.path, step)

    def close(self) -> None:
        """Closes the file; another record opens it again."""
        self._lines.close()


def drop_records_after(path: Path, step: int) -> None:
    """Removes from a file the records past `step` and a line that was cut short.

    The file is replaced whole or not at all; a missing one is left missing.
    """
    if not path.exists():
        return
    before = path.read_bytes()
    kept = [line for line in before.splitlines() if _belongs(line, step, path)]
    after = b"".join(line + b"\n" for line in kept)
    if after == before:
        return
    draft = path.with_suffix(".jsonl.tmp")
    with draft.open("wb") as file:
        file.write(after)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _belongs(line: bytes, step: int, path: Path) -> bool:
    try:
        return json.loads(line)["step"] <= step
    except (ValueError, KeyError, TypeError):
        logging.warning("Dropped a broken line from %s: %r.", path, line[:80])
        return False


def say_full(what: str, path: str | Path) -> None:
    """Says so now and then: every record meets the same full disk."""
    logging.log_every_n_seconds(logging.ERROR, "The disk is full: %s %s.", 60, what, path)
