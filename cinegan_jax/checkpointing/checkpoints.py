"""Checkpoints that survive a kill, a truncated file and a full disk.

Orbax's `CheckpointManager` writes them: in orbax-checkpoint 0.12 it is the documented interface
that training code uses, while v1 still stands under `experimental`.
"""

import contextlib
import math
import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import jax
import orbax.checkpoint as ocp
from absl import logging

from cinegan_jax.checkpointing.arrays import (
    abstract_arrays,
    check_arrays,
    describe_arrays,
    read_arrays,
    with_current_paths,
)
from cinegan_jax.checkpointing.failed_saves import leave_reports_to_checkpoints
from cinegan_jax.checkpointing.recovery import recover, remove_unfinished
from cinegan_jax.checkpointing.step_folder import (
    finished_steps,
    read_header,
    seal_step,
    unfinished_folders,
)
from cinegan_jax.config.run import BestMode, OnDiskFull
from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.renamed import with_current_names
from cinegan_jax.core.storage import absolute


class LastSaveFailed(UserError):
    """The state at the end of a run is not saved; a supervisor must keep the machine."""

    exit_code = 4


class DataIterator(Protocol):
    """The input pipeline's iterator, of which only the position is saved."""

    def get_state(self) -> Any:
        """The position: what JSON can hold, the same on every process."""

    def set_state(self, state: Any, /) -> None:
        """Goes to a position that `get_state` gave."""


class Restored(NamedTuple):
    """Result of `Checkpoints.restore`: the step, the state placed as asked, and its `meta`."""

    step: int
    state: Any
    meta: dict[str, Any]


class Checkpoints:
    """The steps saved in `WORKDIR/checkpoints`: the newest few, and the best by a metric.

    One step holds the train state, the position in the data, and `meta`; the folder gets its final
    name only when all of it is written and sealed with checksums. Saving goes on in the background;
    leaving the context waits for it. Opening the folder sets aside what a crash damaged (see
    `recovery.recover`).

    Args:
      workdir: the run's folder.
      keep_newest: how many of the newest steps stay.
      keep_every_steps: steps that are a multiple of it stay for ever; 0: none.
      best_metric: the step with the best value of this metric stays too; None keeps no best.
      best_mode: whether a larger ("max") or a smaller ("min") value is better.
      on_disk_full: "continue" logs an error and goes on to the next save; "stop" raises. Several
        processes always stop.

    Attributes:
      longest_save: seconds that the longest save took from `save` to the disk; None before one did.

    Raises:
      UserError: an argument is out of range, every step is damaged, or the newest has another
        format version, or the folder cannot be made or written.
    """

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        *,
        keep_newest: int = 3,
        keep_every_steps: int = 0,
        best_metric: str | None = None,
        best_mode: BestMode = "max",
        on_disk_full: OnDiskFull = "continue",
    ) -> None:
        if keep_newest < 1:
            raise UserError(f"keep_newest is {keep_newest}; keep 1 checkpoint or more.")
        _check_choice("best_mode", best_mode, ("max", "min"))
        _check_choice("on_disk_full", on_disk_full, ("continue", "stop"))
        self._folder = absolute(workdir) / "checkpoints"
        self._keep_newest = keep_newest
        self._keep_every_steps = keep_every_steps
        self._best_metric = best_metric
        self._best_mode = best_mode
        self._on_disk_full = on_disk_full
        self._saving: int | None = None
        self._save_started = 0.0
        self.longest_save: float | None = None
        leave_reports_to_checkpoints()
        recover(self._folder)
        self._manager = self._open_manager()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Waits for the last save; its failure never hides an error that is under way."""
        try:
            self.wait()
        except Exception as failure:
            if error is None:
                raise
            if not isinstance(failure, UserError):
                logging.exception("The last checkpoint could not be written.")
            elif failure is not error:
                logging.error("%s", failure)
        finally:
            self._manager.close()

    @property
    def latest_step(self) -> int | None:
        """The newest step saved or being saved; None if there is none."""
        return self._manager.latest_step()

    def save(
        self,
        step: int,
        state: Any,
        data_iterator: DataIterator | None,
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None = None,
        generator: Any = None,
    ) -> None:
        """Starts to save `step`, once the save before it is done; a step already there is left.

        Call it on every process, before the next batch is drawn. `state` and the iterator's
        position are copied before it returns, so buffers may be donated at once.

        Args:
          step: the number of steps taken.
          state: any pytree of arrays, unreplicated; typed random keys are welcome.
          data_iterator: gives the position in the data; None saves none.
          meta: what JSON can hold: resolved config, history counters.
          metrics: a step without `best_metric`, or whose value is not finite, is never the best.
          generator: tree of arrays on the host, saved as an item of its own that Orbax restores
            without knowing the devices; None saves none.

        Raises:
          LastSaveFailed: the disk is full, for this save or the one before, and `on_disk_full` is
            "stop".
        """
        best = self._best_value(metrics)
        self.wait()
        if step in self._manager.all_steps():
            return
        items = {
            "state": ocp.args.StandardSave(state),
            "meta": ocp.args.JsonSave(self._header(state, meta)),
        }
        if data_iterator is not None:
            items["data"] = ocp.args.JsonSave({"position": data_iterator.get_state()})
        if generator is not None:
            items["generator"] = ocp.args.StandardSave(generator)
        self._saving, self._save_started = step, time.monotonic()
        with self._surviving_a_full_disk(step):
            self._manager.save(step, args=ocp.args.Composite(**items), metrics=best, force=True)

    def wait(self) -> None:
        """Waits until the save under way is on disk.

        Raises:
          LastSaveFailed: the disk is full and `on_disk_full` is "stop".
        """
        if self._saving is not None:
            with self._surviving_a_full_disk(self._saving):
                self._manager.wait_until_finished()
            self._saving = None

    def require_saved(self, step: int) -> None:
        """Wait for the last save of a run and check that it is on disk.

        Raises:
          LastSaveFailed: it is not, whatever the reason; the cause is chained.
        """
        try:
            if self._saving is not None:
                self._manager.wait_until_finished()
        except Exception as error:
            self._drop_failed()
            raise self._last_save_failed(step, is_disk_full(error)) from error
        self._saving = None
        # Only the first process looks: it ends last, and the others cannot outlive it.
        if jax.process_index() == 0 and self._last_finished_step() != step:
            raise self._last_save_failed(step)

    def _last_save_failed(self, step: int, disk_full: bool = False) -> LastSaveFailed:
        why = " (the disk is full)" if disk_full else ""
        return LastSaveFailed(
            f"the last checkpoint, of step {step}, could not be written to {self._folder}{why}; "
            f"{self._last_good_step()}. Make the folder writable, "
            "with free space, then start again to continue from there; if the folder is on this "
            "machine, keep the machine until then"
        )

    def restore(self, template: Any, data_iterator: DataIterator | None) -> Restored | None:
        """Restores the newest step, bit for bit, into fresh buffers; None in a new run.

        Args:
          template: a tree like the one saved, of arrays or `jax.ShapeDtypeStruct`s; its shardings
            say where each array goes (without one: the first device).
          data_iterator: goes to the saved position; None leaves the data alone.

        Raises:
          UserError: the arrays saved differ from the template's; all are named.
        """
        self.wait()
        step = self._manager.latest_step()
        if step is None:
            return None
        folder = self._folder / str(step)
        header = read_header(folder)
        saved = header["arrays"]
        present = with_current_paths(saved)
        check_arrays(present, describe_arrays(template), folder)
        items: dict[str, Any] = {}
        if present == saved:
            items["state"] = ocp.args.StandardRestore(abstract_arrays(template))
        if data_iterator is not None:
            items["data"] = ocp.args.JsonRestore()
        restored = self._manager.restore(step, args=ocp.args.Composite(**items)) if items else {}
        if data_iterator is not None:
            data_iterator.set_state(restored["data"]["position"])
        state = restored["state"] if present == saved else read_arrays(folder, template)
        return Restored(step, state, with_current_names(header["meta"]))

    def latest_meta(self) -> dict[str, Any] | None:
        """The `meta` of the newest step; None in a new run."""
        self.wait()
        step = self._manager.latest_step()
        if step is None:
            return None
        return with_current_names(read_header(self._folder / str(step))["meta"])

    def newest_where(self, accepts: Callable[[Mapping[str, Any]], bool]) -> int | None:
        """The newest step whose `meta` is accepted; None if there is none."""
        self.wait()
        for step in sorted(self._manager.all_steps(), reverse=True):
            if accepts(read_header(self._folder / str(step))["meta"]):
                return step
        return None

    def drop_after(self, step: int) -> None:
        """Deletes the steps past `step`; call it on every process."""
        self.wait()
        for later in [s for s in self._manager.all_steps() if s > step]:
            self._manager.delete(later)

    def _header(self, state: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "arrays": describe_arrays(state),
            "best_metric": self._best_metric,
            "best_mode": self._best_mode,
            "meta": dict(meta),
        }

    def _best_value(self, metrics: Mapping[str, float] | None) -> dict[str, float] | None:
        if self._best_metric is None or metrics is None:
            return None
        if self._best_metric not in metrics:
            logging.warning(
                "The best checkpoint is chosen by '%s', which was not measured; there are: %s.",
                self._best_metric,
                ", ".join(sorted(metrics)),
            )
            return None
        value = float(metrics[self._best_metric])
        return {self._best_metric: value} if math.isfinite(value) else None

    @contextlib.contextmanager
    def _surviving_a_full_disk(self, step: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_disk_full(error):
                raise
            alone = self._drop_failed()
            message = (
                f"The disk is full: the checkpoint of step {step} could not be written to "
                f"{self._folder}; {self._last_good_step()}."
            )
            if self._on_disk_full == "stop" or not alone:  # others wait for this process' part
                raise LastSaveFailed(
                    f"{message} Free some space and start again: training resumes from there."
                ) from error
            logging.error("%s Training goes on; the next save is tried as planned.", message)

    def _last_good_step(self) -> str:
        step = self._last_finished_step()
        return (
            "no checkpoint exists yet" if step is None else f"the last good one is of step {step}"
        )

    def _last_finished_step(self) -> int | None:
        return max(finished_steps(self._folder), default=None)

    def _drop_failed(self) -> bool:
        """Forget the save under way, which has failed; a process alone also removes what it left.

        Returns:
          True for a process alone.
        """
        self._saving = None
        alone = jax.process_count() == 1
        if alone:
            self._drop_unfinished()
        return alone

    def _drop_unfinished(self) -> None:
        """Removes what the failed save left, and starts a manager that knows nothing of it."""
        with contextlib.suppress(Exception):  # it is the same full disk that it would speak of
            self._manager.close()
        remove_unfinished(self._folder)
        self._manager = self._open_manager()

    def _open_manager(self) -> ocp.CheckpointManager:
        policies: list[Any] = [ocp.checkpoint_managers.LatestN(self._keep_newest)]
        if self._keep_every_steps:
            policies.append(ocp.checkpoint_managers.EveryNSteps(self._keep_every_steps))
        best: dict[str, Any] = {}
        if self._best_metric is not None:
            value = operator.itemgetter(self._best_metric)
            policies.append(
                ocp.checkpoint_managers.BestN(
                    get_metric_fn=value,
                    reverse=self._best_mode == "min",
                    n=1,
                    keep_checkpoints_without_metrics=False,
                )
            )
            best = {"best_fn": value, "best_mode": self._best_mode}
        return ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=ocp.checkpoint_managers.AnyPreservationPolicy(policies),
                async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
                **best,
            ),
        )

    def _seal(self) -> None:
        """Writes the manifest, when every item is complete and before the folder's final name."""
        name = str(self._saving)
        unfinished = [f for f in unfinished_folders(self._folder) if f.name.startswith(name + ".")]
        seal_step(unfinished[0] if unfinished else self._folder / name)
        seconds = time.monotonic() - self._save_started
        self.longest_save = max(self.longest_save or 0.0, seconds)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"{name} is '{value}'; choose one of: {', '.join(choices)}.")
