"""The training loop: draw a batch, step, tell, save; the same for every family."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import jax
from absl import logging

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.core.types import Batch
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.state import TrainState


class Hook(Protocol):
    """Something done every so many steps and at the last one, with the state as replicated."""

    every_steps: int

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        """What it measured, by name; a checkpoint of the same step is ranked by these."""
        ...


@dataclasses.dataclass
class Loop:
    """A run in flight.

    Attributes:
      step_fn: moves the state over all devices; it is told the step's number.
      frozen: arrays on the devices that nothing trains.
      batches: device batches; their iterator's state is saved with each checkpoint.
      to_save: a placed state as a checkpoint takes it.
      hooks: carried out in order, before the checkpoint of the same step.
      upload_records: called before each checkpoint, with what the hooks have written.
      meta: gives what is saved with each checkpoint.
    """

    step_fn: Callable[[int, TrainState, Any, Batch], TrainState]
    frozen: Any
    batches: DevicePrefetch
    to_save: Callable[[TrainState], TrainState]
    hooks: Sequence[Hook]
    upload_records: Callable[[], None]
    checkpoints: Checkpoints
    checkpoint_every_steps: int
    meta: Callable[[], Mapping[str, Any]]

    def run(self, state: TrainState, start: int, last: int, guard: PreemptionGuard) -> bool:
        """Steps `start` + 1 to `last`; whether it came that far before the guard said stop.

        Raises:
          UserError: the losses stay non-finite, too many examples cannot be read, the disk is
            full and the run is to stop then, or an alarm ends the run.
          RollBack: an alarm takes the run back.
        """
        for step in range(start + 1, last + 1):
            with jax.profiler.StepTraceAnnotation("train", step_num=step):
                batch = self.batches.next_while(partial(_in_flight, state))
                state = self.step_fn(step, state, self.frozen, batch)
            measured: dict[str, float] = {}
            for hook in self.hooks:
                if _due(step, hook.every_steps, last):
                    measured |= hook(step, state)
            stop = guard.should_stop(step)
            if stop or _due(step, self.checkpoint_every_steps, last):
                # The batches' state is that after the last batch drawn: it belongs to this step.
                saved = self.to_save(state)
                self.upload_records()
                self.checkpoints.save(step, saved, self.batches, self.meta(), measured or None)
            if stop and step < last:
                logging.warning("Told to stop: saving step %d; start again to go on.", step)
                return False
        return True


def _in_flight(state: Any) -> bool:
    """Whether devices still compute this state (`jax.Array` does not declare `is_ready`)."""
    return not state.step.is_ready()


def _due(step: int, every: int, last: int) -> bool:
    return step == last or step % every == 0
