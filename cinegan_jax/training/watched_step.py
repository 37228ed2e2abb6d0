"""A run's two programs: the step, and now and then the same step with measurements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep
from cinegan_jax.training.vitals import Vitals
from cinegan_jax.types import Batch


@dataclass
class WatchedStep:
    """Chooses the program of each step, and gives it the players' rate scales.

    Measuring is a program of its own, compiled when first used, so that other steps do no more
    than without it.

    Attributes:
      plain: the compiled step.
      measured: the compiled step that also measures.
      every_steps: which steps are measured; 0: none.
      replicate: puts arrays where the programs want them.
      vitals: of the last measured step; None before.
    """

    plain: TrainStep
    measured: MeasuredStep
    every_steps: int
    replicate: Callable[[Any], Any]
    vitals: Vitals | None = None
    _scales: Mapping[str, jax.Array] | None = field(default=None, repr=False)

    def scale_rates(self, scales: Mapping[str, float]) -> None:
        """From now on each player's updates are multiplied by its scale.

        While it is never called, the programs have no such factor.
        """
        self._scales = self.replicate({name: np.float32(scale) for name, scale in scales.items()})

    def __call__(self, step: int, state: TrainState, frozen: Any, batch: Batch) -> TrainState:
        """The state after `step`."""
        if not self.every_steps or step % self.every_steps:
            return self.plain(state, frozen, batch, self._scales)
        state, self.vitals = self.measured(state, frozen, batch, self._scales)
        return state
