"""The training loop, the same for every family: draw a batch, step, run hooks, save."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import jax
import numpy as np
from absl import logging

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.core.types import Batch
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.training.diagnostics import Diagnostics
from cinegan_jax.training.preemption import PreemptionGuard
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep


class Hook(Protocol):
    """Work at every `every_steps` and at the last step, on the replicated state."""

    every_steps: int

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        """Return measured values by name; a checkpoint of the same step is ranked by them."""
        ...


@dataclasses.dataclass
class CompiledSteps:
    """The two compiled programs of a step: plain, and with diagnostics every few steps.

    Measuring is a program of its own, compiled at its first use, so that plain steps cost no more.

    Attributes:
      plain: the step.
      measured: the step that also returns diagnostics.
      measure_every: interval of measured steps; 0: none.
      replicate: places arrays on the devices.
      diagnostics: those of the last measured step; None before the first.
    """

    plain: TrainStep
    measured: MeasuredStep
    measure_every: int
    replicate: Callable[[Any], Any]
    diagnostics: Diagnostics | None = None
    _rate_scales: Mapping[str, jax.Array] | None = dataclasses.field(default=None, repr=False)

    def scale_rates(self, scales: Mapping[str, float]) -> None:
        """Multiply the updates of each player by its scale from now on.

        Until the first call, the programs contain no such factor.
        """
        self._rate_scales = self.replicate({name: np.float32(s) for name, s in scales.items()})

    def __call__(self, step: int, state: TrainState, frozen: Any, batch: Batch) -> TrainState:
        """Return the state after `step`."""
        if not self.measure_every or step % self.measure_every:
            return self.plain(state, frozen, batch, self._rate_scales)
        state, self.diagnostics = self.measured(state, frozen, batch, self._rate_scales)
        return state


@dataclasses.dataclass
class Loop:
    """The loop of a run.

    Attributes:
      step: moves the state over all devices.
      frozen: arrays on the devices that are never trained.
      batches: device batches; their position is saved with each checkpoint.
      to_save: converts a placed state to what a checkpoint takes.
      generator: returns the generator's variables for inference, on the host.
      hooks: run in this order, before the checkpoint of the same step.
      before_save: called before each checkpoint, in this order; may raise to prevent it.
      save_every_steps: intervals of the checkpoints.
      meta: returns what is saved with each checkpoint.
    """

    step: Callable[[int, TrainState, Any, Batch], TrainState]
    frozen: Any
    batches: DevicePrefetch
    to_save: Callable[[TrainState], TrainState]
    generator: Callable[[TrainState], Any]
    hooks: Sequence[Hook]
    before_save: Sequence[Callable[[], None]]
    checkpoints: Checkpoints
    save_every_steps: Sequence[int]
    meta: Callable[[], Mapping[str, Any]]

    def run(self, state: TrainState, start: int, last: int, guard: PreemptionGuard) -> int:
        """Run steps `start` + 1 to `last`, or up to the step at which `guard` asks for a stop.

        Returns:
          The last step taken; it is being saved.

        Raises:
          UserError: the losses stay non-finite, too many examples cannot be read, the disk is full
            and the run is configured to stop then, or an alarm ends the run.
          RollBack: an alarm takes the run back.
        """
        for step in range(start + 1, last + 1):
            with jax.profiler.StepTraceAnnotation("train", step_num=step):
                batch = self.batches.next_while(partial(_in_flight, state))
                state = self.step(step, state, self.frozen, batch)
            measured: dict[str, float] = {}
            for hook in self.hooks:
                if _is_due(step, hook.every_steps, last):
                    measured |= hook(step, state)
            stop = guard.should_stop(step, self.checkpoints.longest_save)
            if stop or any(_is_due(step, every, last) for every in self.save_every_steps):
                # The position of the batches is that after the last one drawn: of this step.
                saved, generator = self.to_save(state), self.generator(state)
                for call in self.before_save:
                    call()
                self.checkpoints.save(
                    step, saved, self.batches, self.meta(), measured or None, generator
                )
            if stop and step < last:
                logging.warning("Stop requested: saving step %d.", step)
                return step
        return last


def _in_flight(state: Any) -> bool:
    """Check whether devices still compute a state (`jax.Array` does not declare `is_ready`)."""
    return not state.step.is_ready()


def _is_due(step: int, every: int, last: int) -> bool:
    return step == last or step % every == 0
