"""The run's records: `metrics.jsonl`, one JSON object a line, and the same for TensorBoard."""

import errno
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np
from absl import logging
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from cinegan_jax.training.disk import is_disk_full


class MetricsLog:
    """Appends to `WORKDIR/metrics.jsonl` and to TensorBoard events in `WORKDIR/tensorboard`.

    Every record is with the operating system before the call returns, so a kill loses none that
    came before a checkpoint. Opening drops the records past `start`, which the run writes again.
    On a full disk the record is dropped, with an error in the log, and the run goes on. Only the
    first process writes.

    Args:
      workdir: the run's folder.
      start: the step that the run goes on from; 0 in a new run.
    """

    def __init__(self, workdir: str | os.PathLike[str], start: int) -> None:
        self._writes = jax.process_index() == 0
        if not self._writes:
            return
        folder = Path(workdir)
        folder.mkdir(parents=True, exist_ok=True)
        drop_records_after(folder / "metrics.jsonl", start)
        self._records = (folder / "metrics.jsonl").open("ab", buffering=0)
        self._events = _Events(folder / "tensorboard", purge_from=start + 1)

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
            self._events.close()

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
        self._append((json.dumps(record) + "\n").encode())
        shown = {**scalars, **{f"timing/{name}": value for name, value in timing.items()}}
        self._events.write(step, [summary.scalar(n, float(v)) for n, v in shown.items()])

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Shows pictures, uint8 [h, w, 3], in TensorBoard."""
        if self._writes:
            self._events.write(
                step, [summary.image(n, i, dataformats="HWC") for n, i in images.items()]
            )

    def _append(self, line: bytes) -> None:
        """Writes the whole line, or nothing where the disk is full."""
        end = self._records.seek(0, os.SEEK_END)
        try:
            if self._records.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not is_disk_full(error):
                raise
            self._records.truncate(end)
            logging.error("The disk is full: a record is missing from %s.", self._records.name)


class _Events:
    """TensorBoard's event files, written in the calling thread.

    tensorboardX's own `SummaryWriter` writes in a thread that dies on a full disk, and the next
    call then waits for it for ever.
    """

    def __init__(self, folder: Path, purge_from: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writer: EventsWriter | None = None
        # TensorBoard hides what earlier files say of this step and later ones.
        start = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=purge_from, session_log=start))

    def write(self, step: int, values: list[Summary]) -> None:
        """Writes summaries of one step."""
        merged = Summary()
        for value in values:
            merged.MergeFrom(value)
        self._write(Event(wall_time=time.time(), step=step, summary=merged))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, event: Event) -> None:
        try:
            if self._writer is None:
                suffix = f".{time.time_ns()}"  # two runs may start within one second
                self._writer = EventsWriter(str(self._folder / "events"), suffix)
            self._writer.write_event(event)
            self._writer.flush()
        except OSError as error:
            if not is_disk_full(error):
                raise
            self._writer = None  # its file may end in half a record: begin another
            logging.error("The disk is full: TensorBoard in %s misses an event.", self._folder)


def drop_records_after(path: Path, step: int) -> None:
    """Removes from a `metrics.jsonl` the records past `step` and a line that was cut short.

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


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    plain = {name: np.asarray(value).item() for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}
