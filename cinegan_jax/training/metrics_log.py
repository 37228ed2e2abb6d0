"""Records of a run: `metrics.jsonl`, `health.jsonl` and TensorBoard events.

They also grow where the workdir is a bucket, whose objects cannot be appended to.
"""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np
from etils import epath
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from cinegan_jax.core.errors import is_disk_full
from cinegan_jax.training.record_files import GrowingFiles, StepRecords, log_disk_full


class MetricsLog:
    """Append to `metrics.jsonl`, `health.jsonl` and TensorBoard events in the workdir.

    Every record is with the operating system before the call returns, so a kill loses none of
    those before a checkpoint. Opening drops the records past `start`, which the run writes again.
    On a full disk a record is dropped, with an error in the log, and the run continues. Only the
    first process writes.

    Where the workdir is a bucket, records stay on this machine between uploads. Upload them before
    each checkpoint, so that the next machine finds all records up to it.

    Args:
      workdir: the run's folder.
      start: the step that the run continues from; 0 in a new run.
    """

    def __init__(self, workdir: epath.Path, start: int) -> None:
        self._writes = jax.process_index() == 0
        if not self._writes:
            return
        self._files = GrowingFiles(workdir)
        self._records = StepRecords(self._files.fetch("metrics.jsonl"), start)
        self._health = StepRecords(self._files.fetch("health.jsonl"), start)
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
        """Copy the records to a workdir in a bucket; a local one has them already."""
        if self._writes and self._files.upload():
            self._events.begin_another_file()  # so that each file is uploaded once

    def write_scalars(
        self,
        step: int,
        scalars: Mapping[str, float],
        timing: Mapping[str, float] | None = None,
    ) -> None:
        """Append the record `{"step": step, **scalars, "timing": timing}`.

        A value that is not finite becomes null. Values that differ between two runs of the same
        seed, such as speeds, belong in `timing`.
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
        """Append records to `health.jsonl`, and write scalars of the step to TensorBoard."""
        if self._writes:
            for record in records:
                self._health.append(record)
            self._events.write(step, [summary.scalar(f"health/{n}", v) for n, v in scalars.items()])

    def rewind(self, step: int) -> None:
        """Drop the measurements past `step`; the records of the run's health stay."""
        if self._writes:
            self._records.drop_after(step)
            self._events.purge(step + 1)

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Write images, uint8 [h, w, 3], to TensorBoard."""
        if self._writes:
            self._events.write(
                step, [summary.image(n, i, dataformats="HWC") for n, i in images.items()]
            )


class _Events:
    """TensorBoard event files, written in the calling thread.

    tensorboardX's `SummaryWriter` writes in a thread that dies on a full disk; the next call then
    waits for it forever.
    """

    def __init__(self, folder: Path, purge_from: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file: RecordWriter | None = None
        self.purge(purge_from)

    def purge(self, step: int) -> None:
        """Make TensorBoard hide earlier values of this step and later ones."""
        start = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=step, session_log=start))

    def write(self, step: int, values: list[Summary]) -> None:
        """Write summaries of one step."""
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
            log_disk_full("an event is missing from", self._folder)

    def begin_another_file(self) -> None:
        """Leave the file as it is; on a full disk it may end in half a record."""
        with contextlib.suppress(OSError):
            self.close()
        self._file = None


def _now() -> str:
    """Return the time as TensorBoard has it in file names, with more digits for quick restarts."""
    return f"{time.time():.6f}"


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    plain = {name: np.asarray(value).item() for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}
