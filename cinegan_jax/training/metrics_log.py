"""Records of a run: `metrics.jsonl`, `health.jsonl` and TensorBoard events.

They also grow where the workdir is a bucket, whose objects cannot be appended to.
"""

import contextlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np
from absl import logging
from etils import epath
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from cinegan_jax.core import json_lines
from cinegan_jax.core.errors import is_disk_full
from cinegan_jax.core.storage import is_remote


class MetricsLog:
    """Appends to `metrics.jsonl`, `health.jsonl` and TensorBoard's events, all in the workdir.

    Every record is with the operating system before the call returns, so a kill loses none that
    came before a checkpoint. Opening drops the records past `start`, which the run writes again.
    On a full disk the record is dropped, with an error in the log, and the run goes on. Only the
    first process writes.

    Where the workdir is a bucket, records are kept on this machine between uploads; upload them
    before each checkpoint, so that the next machine finds all that came before it.

    Args:
      workdir: the run's folder.
      start: the step that the run goes on from; 0 in a new run.
    """

    def __init__(self, workdir: epath.Path, start: int) -> None:
        self._writes = jax.process_index() == 0
        if not self._writes:
            return
        self._files = GrowingFiles(workdir)
        self._records = JsonLines(self._files.fetch("metrics.jsonl"), start)
        self._health = JsonLines(self._files.fetch("health.jsonl"), start)
        self._events = _Events(self._files.folder / "tensorboard", purge_from=start + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writes:
            self._records.close()
            self._health.close()
            self._events.close()
            self._files.close()

    def upload(self) -> None:
        """Brings the records to a workdir in a bucket; a local one has them already."""
        if self._writes and self._files.upload():
            self._events.begin_another_file()  # so that each is uploaded once, not again and again

    def write_scalars(
        self,
        step: int,
        scalars: Mapping[str, float],
        timing: Mapping[str, float] | None = None,
    ) -> None:
        """Appends the record `{"step": step, **scalars, "timing": timing}`.

        A value that is not finite becomes null, as JSON has no word for it. What differs between
        two runs of the same seed, such as a speed, belongs in `timing`.
        """
        if not self._writes:
            return
        timing = {} if timing is None else timing
        record = {"step": step, **_finite(scalars)}
        if timing:
            record["timing"] = _finite(timing)
        self._records.append(record)
        shown = {**scalars, **{f"timing/{name}": value for name, value in timing.items()}}
        self._events.write(step, [summary.scalar(n, float(v)) for n, v in shown.items()])

    def write_health(
        self, step: int, records: Sequence[Mapping[str, Any]], scalars: Mapping[str, float]
    ) -> None:
        """Appends records to `health.jsonl`, and shows scalars of the step in TensorBoard."""
        if self._writes:
            for record in records:
                self._health.append(record)
            self._events.write(step, [summary.scalar(f"health/{n}", v) for n, v in scalars.items()])

    def rewind(self, step: int) -> None:
        """Drops what was measured past `step`; the record of the run's health stays."""
        if self._writes:
            self._records.drop_after(step)
            self._events.purge(step + 1)

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Shows pictures, uint8 [h, w, 3], in TensorBoard."""
        if self._writes:
            self._events.write(
                step, [summary.image(n, i, dataformats="HWC") for n, i in images.items()]
            )


class _Events:
    """TensorBoard's event files, written in the calling thread.

    tensorboardX's own `SummaryWriter` writes in a thread that dies on a full disk, and the next
    call then waits for it for ever.
    """

    def __init__(self, folder: Path, purge_from: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file: RecordWriter | None = None
        self.purge(purge_from)

    def purge(self, step: int) -> None:
        """Makes TensorBoard hide what was said so far of this step and later ones."""
        start = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=step, session_log=start))

    def write(self, step: int, values: list[Summary]) -> None:
        """Writes summaries of one step."""
        merged = Summary()
        for value in values:
            merged.MergeFrom(value)
        self._write(Event(wall_time=time.time(), step=step, summary=merged))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, event: Event) -> None:
        try:
            if self._file is None:
                self._file = RecordWriter(str(self._folder / f"events.out.tfevents.{_now()}"))
                header = Event(wall_time=time.time(), file_version="brain.Event:2")
                self._file.write(header.SerializeToString())
            self._file.write(event.SerializeToString())
            self._file.flush()
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.begin_another_file()
            say_full("an event is missing from", self._folder)

    def begin_another_file(self) -> None:
        """Leaves the file as it is; on a full disk it may end in half a record."""
        with contextlib.suppress(OSError):
            self.close()
        self._file = None


def _now() -> str:
    """Seconds as TensorBoard wants them in a file's name, and more digits for a quick restart."""
    return f"{time.time():.6f}"


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    plain = {name: np.asarray(value).item() for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}


class GrowingFiles:
    """A local folder to append in: the workdir itself, or for a bucket a temporary one.

    What grew in the temporary folder is copied to the workdir by `upload`.

    Attributes:
      folder: where to append.
    """

    def __init__(self, workdir: epath.Path) -> None:
        self._workdir = workdir if is_remote(workdir) else None
        self.folder = Path(tempfile.mkdtemp(prefix="cinegan-") if self._workdir else workdir)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._uploaded: dict[Path, int] = {}

    def fetch(self, name: str) -> Path:
        """The path of the file `name` in the folder, with what the workdir has of it."""
        path = self.folder / name
        if self._workdir is not None:
            with contextlib.suppress(FileNotFoundError):
                path.write_bytes((self._workdir / name).read_bytes())
        return path

    def upload(self) -> bool:
        """Copies to a bucket the files that have grown since they were last copied.

        Returns:
          True if something was copied. A failure is told and tried again at the next call: it
          must not end the run.
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
        """Copies what is left, and deletes the temporary folder."""
        self.upload()
        if self._workdir is not None:
            shutil.rmtree(self.folder)

    def _sizes(self) -> dict[Path, int]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder): path.stat().st_size for path in files}


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
