"""Hooks of the training loop: progress lines, metric records, sample grids, scores, guards."""

import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from etils import epath
from rich.console import Console

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.families.api import Learned
from cinegan_jax.pages.image_grid import to_png
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.state import NonFinite, TrainState

_LARGEST_WAIT_SHARE = 0.05
"""Share of an interval's time."""

_SHORTEST_INTERVAL = 1.0
"""Length in seconds below which a share means nothing."""


@dataclasses.dataclass
class DataWaitWarning:
    """One warning per process that the loader is too slow.

    The first interval, in which the loader starts, is ignored.
    """

    _intervals: int = 0
    _given: bool = False

    def __call__(self, seconds: float, share: float) -> None:
        """Take the length of an interval and the share of it that the devices waited for data."""
        self._intervals += 1
        short = seconds < _SHORTEST_INTERVAL
        if share <= _LARGEST_WAIT_SHARE or short or self._intervals == 1 or self._given:
            return
        self._given = True
        logging.warning(
            "The loader is too slow: in the last interval the devices waited for data %.0f %% of "
            "the time. Raise config.data.threads, or train from shards (`cinegan prepare`). "
            "This warning is given once; data_wait_share in metrics.jsonl continues.",
            100 * share,
        )


@dataclasses.dataclass
class Progress:
    """A progress line and a metrics record per interval; losses are means over its steps.

    Attributes:
      every_steps: length of the interval, and of a step's metric window.
      start_step: steps taken before this process started.
      total_steps: length of the run.
      steps_per_epoch: length of an epoch.
      learns_from: the examples that are counted, `pairs` or `images`.
      batch_size: examples per step, over all devices.
      devices: number of devices that share them.
      waited: seconds that the devices have waited for data since the process started.
      alarms: names of the alarms that still hold.
      unreplicate: returns arrays of one replica.
      log: destination of the records.
    """

    every_steps: int
    start_step: int
    total_steps: int
    steps_per_epoch: int
    learns_from: Learned
    batch_size: int
    devices: int
    waited: Callable[[], float]
    alarms: Callable[[], Sequence[str]]
    unreplicate: Callable[[Any], Any]
    log: MetricsLog
    console: Console = dataclasses.field(default_factory=lambda: Console(soft_wrap=True))

    def __post_init__(self) -> None:
        self._before = (self.start_step, time.perf_counter(), self.waited())
        self._data_wait = DataWaitWarning()

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        window = jax.device_get(self.unreplicate(state.window))
        losses = {n: _mean(s, window.count) for n, s in window.sums.items()}
        timing = self._timing(step)
        skipped = int(self.unreplicate(state.nonfinite.total))
        self.log.write_scalars(
            step,
            {"epoch": step / self.steps_per_epoch, **losses, "skipped_steps": skipped},
            timing=timing,
        )
        self.console.print(self._line(step, losses, timing, skipped), highlight=False)
        return {}

    def _timing(self, step: int) -> dict[str, float]:
        """Return the rates over the interval, by the wall clock."""
        before, clock, waited = self._before
        self._before = (step, time.perf_counter(), self.waited())
        seconds = max(self._before[1] - clock, 1e-9)
        rate = (step - before) * self.batch_size / seconds
        share = (self._before[2] - waited) / seconds
        self._data_wait(seconds, share)
        return {
            "seconds": seconds,
            f"{self.learns_from}_per_second": rate,
            f"{self.learns_from}_per_second_per_device": rate / self.devices,
            "data_wait_share": share,
            "seconds_left": (self.total_steps - step) * self.batch_size / max(rate, 1e-9),
        }

    def _line(
        self, step: int, losses: Mapping[str, float], timing: Mapping[str, float], skipped: int
    ) -> str:
        kind = self.learns_from
        eta = datetime.timedelta(seconds=round(timing["seconds_left"]))
        parts = [
            f"step {step}/{self.total_steps}",
            f"epoch {step / self.steps_per_epoch:.2f}",
            f"{timing[f'{kind}_per_second']:.1f} {kind}/s"
            f" ({timing[f'{kind}_per_second_per_device']:.1f} per device)",
            f"ETA {eta}",
            *(f"{name} {value:.4g}" for name, value in losses.items()),
        ]
        if skipped:
            parts.append(f"{skipped} non-finite steps skipped")
        if alarms := self.alarms():
            parts.append(f"ALARM: {', '.join(alarms)}")
        return "  ".join(parts)


@dataclasses.dataclass
class NonFiniteGuard:
    """End a run whose losses or gradients stay non-finite; single such steps are skipped anyway.

    It reads the counter of the step before, which is done while this one runs, so that no device
    waits. Only where that counter has reached the limit does it wait for this step, and the run
    continues if the step is finite again.

    Attributes:
      limit: number of steps in a row after which the run ends.
      unreplicate: returns arrays of one replica.
      last_good_step: step of the newest checkpoint.
    """

    limit: int
    unreplicate: Callable[[Any], Any]
    last_good_step: Callable[[], int | None]
    every_steps: int = 1

    def __post_init__(self) -> None:
        self._before: jax.Array | int = 0

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        # A copy: the state's buffers are donated to the next step.
        before, self._before = self._before, jnp.copy(self.unreplicate(state.nonfinite.in_a_row))
        if int(before) >= self.limit:
            nonfinite = jax.device_get(self.unreplicate(state.nonfinite))
            if nonfinite.in_a_row:
                raise self._error(step, nonfinite)
        return {}

    def _error(self, step: int, nonfinite: NonFinite) -> UserError:
        broken = [name for name, is_broken in nonfinite.metrics.items() if is_broken]
        names = broken or ["the family's model state"]
        last = self.last_good_step()
        saved = (
            f"the last good checkpoint is of step {last}" if last else "no checkpoint exists yet"
        )
        return UserError(
            f"not finite for {int(nonfinite.in_a_row)} steps in a row, up to step {step}: "
            f"{', '.join(names)}. Nothing moved in those steps; "
            f"{saved}. "
            "Lower the learning rates, set config.optimizers.*.clip_norm, or use "
            "config.precision=f32."
        )


@dataclasses.dataclass
class Samples:
    """A grid of held-out images, as PNG and in TensorBoard.

    On a full disk the grid is dropped, with an error in the log, and the run continues. Only the
    first process writes.

    Attributes:
      every_steps: interval.
      make_grid: returns the grid of a replicated state, uint8 [h, w, 3].
      folder: destination of the PNG files.
      log: destination of TensorBoard's copy.
    """

    every_steps: int
    make_grid: Callable[[TrainState], np.ndarray]
    folder: epath.Path
    log: MetricsLog

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        grid = self.make_grid(state)
        self.log.write_images(step, {"samples": grid})
        if jax.process_index() == 0:
            self._save(grid, self.folder / f"{step:07d}.png")
        return {}

    @staticmethod
    def _save(grid: np.ndarray, path: epath.Path) -> None:
        """Write the whole image, or nothing where the disk is full."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(to_png(grid))
        except OSError as error:
            if not is_disk_full(error):
                raise
            path.unlink(missing_ok=True)
            logging.error("The disk is full: %s is missing. Training continues.", path)


@dataclasses.dataclass
class Scores:
    """Scores on held-out examples.

    Attributes:
      every_steps: interval.
      evaluate: yields (name, value) for a replicated state.
      log: destination of the record.
    """

    every_steps: int
    evaluate: Callable[[TrainState], Iterable[tuple[str, float]]]
    log: MetricsLog
    console: Console = dataclasses.field(default_factory=lambda: Console(soft_wrap=True))

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        scores = dict(self.evaluate(state))
        self.log.write_scalars(step, {f"heldout/{name}": value for name, value in scores.items()})
        line = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        self.console.print(f"step {step}  held-out  {line}", highlight=False)
        return scores


def _mean(total: np.ndarray, count: np.ndarray) -> float:
    """Return the mean; NaN where every step of the interval was skipped."""
    return float(total) / int(count) if count else math.nan
