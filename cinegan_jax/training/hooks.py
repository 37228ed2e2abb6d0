"""Hooks of the training loop: progress lines, metric records, sample grids, scores, guards."""

import dataclasses
import datetime
import io
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from etils import epath
from PIL import Image
from rich.console import Console

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.families.api import Learned
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.state import NonFinite, TrainState

LIMIT = 0.05
"""Of an interval's time."""

SHORTEST = 1.0
"""Seconds of an interval below which a share means nothing."""


@dataclasses.dataclass
class DataWaitWarning:
    """One warning a process; the first interval, in which the loader starts, is passed over."""

    _intervals: int = 0
    _told: bool = False

    def __call__(self, seconds: float, share: float) -> None:
        """Takes an interval's length and the share of it in which the devices waited for data."""
        self._intervals += 1
        if share <= LIMIT or seconds < SHORTEST or self._intervals == 1 or self._told:
            return
        self._told = True
        logging.warning(
            "The loader is too slow: in the last interval the devices waited for data %.0f %% of "
            "the time. Raise config.data.threads, or train from shards (`cinegan prepare`). "
            "This is said once; data_wait_share in metrics.jsonl goes on.",
            100 * share,
        )


@dataclasses.dataclass
class Progress:
    """One line and one metrics record an interval: losses are means over the interval's steps.

    Attributes:
      every_steps: the interval; the step's metric window has the same length.
      start_step: steps done before this process began.
      total_steps: of the run.
      steps_per_epoch: of the data.
      learns_from: what is counted: pairs or images.
      batch_size: how many of them a step, over all devices.
      devices: how many share them.
      waited: seconds the devices have waited for data since the start of the process.
      alarms: the names of those that are not over.
      unreplicate: takes the first replica.
      log: where records go.
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
        """Rates over the interval, from the wall clock."""
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
            f" ({timing[f'{kind}_per_second_per_device']:.1f} a device)",
            f"ETA {eta}",
            *(f"{name} {value:.4g}" for name, value in losses.items()),
        ]
        if skipped:
            parts.append(f"{skipped} non-finite steps skipped")
        if alarms := self.alarms():
            parts.append(f"ALARM: {', '.join(alarms)}")
        return "  ".join(parts)


def _mean(total: np.ndarray, count: np.ndarray) -> float:
    """Not a number where every step of the interval was skipped."""
    return float(total) / int(count) if count else math.nan


@dataclasses.dataclass
class NonFiniteGuard:
    """Ends a run whose losses or gradients stay non-finite; single such steps are skipped anyway.

    It looks at the step before, which is done while this one is under way, so that no device waits.

    Attributes:
      limit: steps in a row, after which the run ends.
      unreplicate: takes the first replica.
      last_good_step: of the newest checkpoint.
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
            self._stop(step, jax.device_get(self.unreplicate(state.nonfinite)))
        return {}

    def _stop(self, step: int, nonfinite: NonFinite) -> None:
        broken = [name for name, is_broken in nonfinite.metrics.items() if is_broken]
        names = broken or ["the family's state"]
        last = self.last_good_step()
        raise UserError(
            f"not finite for {int(nonfinite.in_a_row)} steps in a row, up to step {step}: "
            f"{', '.join(names)}."
            " Nothing moved in those steps; the last good checkpoint is "
            f"{'not there yet' if last is None else f'that of step {last}'}. Lower the "
            "learning rates, set config.optimizers.*.clip_norm, or use config.precision=f32."
        )


@dataclasses.dataclass
class Samples:
    """A picture grid of what is held out, as PNG and in TensorBoard.

    On a full disk the picture is dropped, with an error in the log, and the run goes on. Only the
    first process writes.

    Attributes:
      every_steps: how often.
      make_grid: the replicated state's grid, uint8 [h, w, 3].
      folder: where the PNG files go.
      log: where TensorBoard's copy goes.
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
        """Writes the whole picture, or nothing where the disk is full."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_png(grid))
        except OSError as error:
            if not is_disk_full(error):
                raise
            path.unlink(missing_ok=True)
            logging.error("The disk is full: %s is missing. Training goes on.", path)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


@dataclasses.dataclass
class Scores:
    """Scores on what is held out.

    Attributes:
      every_steps: how often.
      evaluate: yields (name, value) for a replicated state.
      log: where the record goes.
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
