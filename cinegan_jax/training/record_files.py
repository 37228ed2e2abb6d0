"""Files that a run appends records to, also where its workdir is a bucket, which cannot append."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging
from etils import epath

from cinegan_jax.core.errors import is_disk_full
from cinegan_jax.core.json_lines import JsonLines, drop_after
from cinegan_jax.core.storage import is_remote


class GrowingFiles:
    """A local folder for files that grow: the workdir itself or, for a bucket, a temporary one.

    `upload` copies what has grown in the temporary folder to the workdir.

    Attributes:
      folder: the local folder.
    """

    def __init__(self, workdir: epath.Path) -> None:
        self._workdir = workdir if is_remote(workdir) else None
        self.folder = Path(tempfile.mkdtemp(prefix="cinegan-") if self._workdir else workdir)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._uploaded: dict[Path, int] = {}

    def fetch(self, name: str) -> Path:
        """Return the path of a file in the folder, with the content that the workdir has."""
        path = self.folder / name
        if self._workdir is not None:
            with contextlib.suppress(FileNotFoundError):
                path.write_bytes((self._workdir / name).read_bytes())
        return path

    def upload(self) -> bool:
        """Copy to a bucket the files that have grown since they were last copied.

        Returns:
          True if something was copied. A failure is logged, and the next call tries again: it must
          not end the run.
        """
        if self._workdir is None:
            return False
        grown = {p: s for p, s in self._sizes().items() if self._uploaded.get(p) != s}
        try:
            for path, size in grown.items():
                (self._workdir / path).write_bytes((self.folder / path).read_bytes())
                self._uploaded[path] = size
        except Exception:  # whatever gcsfs raises where a bucket cannot be reached
            logging.exception("The records could not be copied to %s.", self._workdir)
            return False
        return bool(grown)

    def close(self) -> None:
        """Copy the rest, and delete the temporary folder."""
        self.upload()
        if self._workdir is not None:
            shutil.rmtree(self.folder)

    def _sizes(self) -> dict[Path, int]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder): path.stat().st_size for path in files}


class StepRecords:
    """A JSON-lines file of records with a `step`; opening drops those past `start`.

    The run writes the dropped ones again. A record is with the operating system before `append`
    returns. On a full disk it is dropped, with an error in the log.
    """

    def __init__(self, path: Path, start: int) -> None:
        self._lines = JsonLines(path)
        drop_after(path, start)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write the whole line, or nothing where the disk is full."""
        try:
            self._lines.append(record)
        except OSError as error:
            if not is_disk_full(error):
                raise
            log_disk_full("a record is missing from", self._lines.path)

    def drop_after(self, step: int) -> None:
        """Drop the records past `step`."""
        self.close()
        drop_after(self._lines.path, step)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        self._lines.close()


def log_disk_full(what: str, path: str | Path) -> None:
    """Log an error at most once a minute: every record meets the same full disk."""
    logging.log_every_n_seconds(logging.ERROR, "The disk is full: %s %s.", 60, what, path)
