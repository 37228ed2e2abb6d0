"""An xprof trace of a few steps: the work of devices and host through time."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import jax
from absl import logging
from etils import epath

from cinegan_jax.training.record_files import GrowingFiles
from cinegan_jax.training.state import TrainState

FOLDER = "profile"
WARM_UP_STEPS = 10
"""Steps skipped first: they wait for compilations and for the loader's first batches."""


class Profiler:
    """A hook that traces some steps of the first process into `WORKDIR/profile`.

    It waits for the devices before and after these steps, so that the trace holds them completely.
    A run that ends within them leaves a trace of the steps taken.
    """

    every_steps = 1

    def __init__(self, workdir: epath.Path, steps: int, start: int, last: int):
        """Trace `steps` steps (0: none) of a run from step `start` to `last`."""
        self._begin = start + WARM_UP_STEPS
        self._end = min(self._begin + steps, last)
        self._wanted = steps > 0 and jax.process_index() == 0
        self._folder = workdir / FOLDER
        self._files: GrowingFiles | None = None
        if self._wanted and self._begin >= last:
            logging.warning(
                "profile_steps=%d: nothing is traced, since tracing begins %d steps after the "
                "start and only %d are left",
                *(steps, WARM_UP_STEPS, last - start),
            )

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        if self._wanted and step == self._begin < self._end:
            jax.block_until_ready(state)
            self._files = GrowingFiles(self._folder)
            jax.profiler.start_trace(self._files.folder)
        elif self._files is not None and step == self._end:
            jax.block_until_ready(state)
            self._stop()
        return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._files is not None:
            jax.profiler.stop_trace()
            self._files.close()
            self._files = None
