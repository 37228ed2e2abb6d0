"""Records of a run: `metrics.jsonl`, `health.jsonl`, and what trackers show.

They also grow where the workdir is a bucket, whose objects cannot be appended to.
"""

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np
from etils import epath

from cinegan_jax.config.run import DEFAULT_TRACKERS, Tracker
from cinegan_jax.training.metrics_writers import open_writers
from cinegan_jax.training.record_files import GrowingFiles, StepRecords


class MetricsLog:
    """Append to `metrics.jsonl` and `health.jsonl` in the workdir, and to the trackers.

    Every record is with the operating system before the call returns, so a kill loses none of
    those before a checkpoint. Opening drops the records past `start`, which the run writes again.
    On a full disk a record is dropped, with an error in the log, and the run continues. Only the
    first process writes.

    Where the workdir is a bucket, records stay on this machine between uploads. Upload them before
    each checkpoint, so that the next machine finds all records up to it.

    Args:
      workdir: the run's folder.
      start: the step that the run continues from; 0 in a new run.
      trackers: see `open_writers`.
      config: shown by trackers beside the curves.

    Raises:
      UserError: a tracker's package is missing.
    """

    def __init__(
        self,
        workdir: epath.Path,
        start: int,
        trackers: tuple[Tracker, ...] = DEFAULT_TRACKERS,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._writes = jax.process_index() == 0
        if not self._writes:
            return
        self._files = GrowingFiles(workdir)
        self._records = StepRecords(self._files.fetch("metrics.jsonl"), start)
        self._health = StepRecords(self._files.fetch("health.jsonl"), start)
        self._writers = open_writers(trackers, workdir, self._files.folder, start, config or {})

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
            for writer in self._writers:
                writer.close()
            self._files.close()

    def upload(self) -> None:
        """Copy the records to a workdir in a bucket; a local one has them already."""
        if self._writes and self._files.upload():
            for writer in self._writers:
                writer.begin_another_file()  # so that each file is uploaded once

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
        self._show(step, shown)

    def write_health(
        self, step: int, records: Sequence[Mapping[str, Any]], scalars: Mapping[str, float]
    ) -> None:
        """Append records to `health.jsonl`, and write scalars of the step to the trackers."""
        if self._writes:
            for record in records:
                self._health.append(record)
            self._show(step, {f"health/{name}": value for name, value in scalars.items()})

    def rewind(self, step: int) -> None:
        """Drop the measurements past `step`; the records of the run's health stay."""
        if self._writes:
            self._records.drop_after(step)
            for writer in self._writers:
                writer.rewind(step)

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Write images, uint8 [h, w, 3], to the trackers."""
        if self._writes:
            for writer in self._writers:
                writer.write_images(step, images)

    def _show(self, step: int, scalars: Mapping[str, float]) -> None:
        for writer in self._writers:
            writer.write_scalars(step, scalars)


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    plain = {name: np.asarray(value).item() for name, value in values.items()}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}
