"""Health checks of a run in training, and the actions that alarms ask for."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.core.types import Batch
from cinegan_jax.health.monitor import (
    Alarm,
    Monitor,
    RollBack,
    UnhealthyRun,
    alarm_record,
    check_record,
)
from cinegan_jax.health.rules import ACTIONS
from cinegan_jax.training.diagnostics import Diagnostics
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.state import TrainState
from cinegan_jax.training.step import MeasuredStep, TrainStep


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
      diagnostics: of the last measured step; None before.
    """

    plain: TrainStep
    measured: MeasuredStep
    every_steps: int
    replicate: Callable[[Any], Any]
    diagnostics: Diagnostics | None = None
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
        state, self.diagnostics = self.measured(state, frozen, batch, self._scales)
        return state


@dataclass
class HealthHook:
    """A hook of the loop; with several processes each finds and does the same.

    Attributes:
      every_steps: how often; the same as of `step`.
      monitor: raises the alarms.
      step: measures, and takes the rate scales.
      players: those whose learning rates can be lowered.
      lower_rate_factor: of one lowering.
      waited: seconds this process' devices have waited for data since it began.
      unreplicate: takes the first replica.
      log: where records go.
      rollbacks: how often the run was taken back so far.
    """

    every_steps: int
    monitor: Monitor
    step: WatchedStep
    players: Sequence[str]
    lower_rate_factor: float
    waited: Callable[[], float]
    unreplicate: Callable[[Any], Any]
    log: MetricsLog
    rollbacks: int = 0
    _skipped: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self._before = (time.perf_counter(), self.waited())
        self._scale_rates(dict.fromkeys(self.players, 1.0))

    def __call__(self, step: int, state: TrainState, /) -> Mapping[str, float]:
        if step % self.every_steps:
            return {}  # the last step of the run, which was not measured
        diagnostics, alarms = self.monitor.check(step, self._measured(state))
        records = [check_record(step, diagnostics), *map(alarm_record, alarms)]
        scalars = {name: value for name, value in diagnostics.items() if value is not None}
        raised = {f"alarm/{alarm.name}": 1.0 for alarm in alarms}
        self.log.write_health(step, records, scalars | raised)
        for alarm in alarms:
            logging.warning("Step %d: ALARM %s: %s", step, alarm.name, alarm.message)
        for alarm in sorted(alarms, key=_strength, reverse=True):
            self._act(alarm)
        return {}

    def memory(self) -> dict[str, Any]:
        """What a checkpoint is to keep of it, as JSON can hold it."""
        return {
            "healthy": self.monitor.healthy,
            "monitor": self.monitor.memory(),
            "rate_scales": dict(self._scales),
            "rollbacks": self.rollbacks,
            "skipped": self._skipped,
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Goes on from what `memory` gave."""
        self.monitor.recall(memory["monitor"])
        self.rollbacks, self._skipped = memory["rollbacks"], memory["skipped"]
        self._scale_rates(self._scales | memory["rate_scales"])

    def _measured(self, state: TrainState) -> dict[str, float]:
        diagnostics, skipped = jax.device_get(
            self.unreplicate((self.step.diagnostics, state.nonfinite.total))
        )
        steps, self._skipped = int(skipped) - self._skipped, int(skipped)
        scales = {f"{player}/rate_scale": scale for player, scale in self._scales.items()}
        told = {name: float(value) for name, value in diagnostics.items()}
        return {**told, **scales, "steps/non_finite": steps, "data/wait_share": self._wait_share()}

    def _wait_share(self) -> float:
        """Of the time since the last check; that of the process which waited longest."""
        (clock, waited), self._before = self._before, (time.perf_counter(), self.waited())
        share = (self._before[1] - waited) / max(self._before[0] - clock, 1e-9)
        if jax.process_count() == 1:
            return share
        return float(multihost_utils.process_allgather(np.float32(share)).max())

    def _act(self, alarm: Alarm) -> None:
        match alarm.rule.action:
            case "lower_rate":
                known = alarm.rule.player in self._scales
                lowered = (alarm.rule.player,) if known else self.players
                factors = dict.fromkeys(lowered, self.lower_rate_factor)
                self._scale_rates({p: s * factors.get(p, 1.0) for p, s in self._scales.items()})
            case "rollback":
                raise RollBack(alarm)
            case "stop":
                raise UnhealthyRun(f"step {alarm.step}: {alarm.name}: {alarm.message}")

    def _scale_rates(self, scales: Mapping[str, float]) -> None:
        self._scales = dict(scales)
        if self.monitor.lowers_rates or set(scales.values()) != {1.0}:
            self.step.scale_rates(scales)


def _strength(alarm: Alarm) -> int:
    return ACTIONS.index(alarm.rule.action)


def roll_back(
    alarm: Alarm,
    health: HealthHook,
    checkpoints: Checkpoints,
    template: TrainState,
    max_rollbacks: int,
) -> tuple[TrainState, int]:
    """The state of the newest checkpoint at which nothing was wrong, and its step.

    Later checkpoints are deleted. The state has another random key, and the data goes on where it
    is, so that the run does not meet the same batches again.

    Args:
      template: as `Checkpoints.restore` takes it.
      max_rollbacks: of a run; one more stops it.

    Raises:
      UnhealthyRun: there is no such checkpoint, or the run was taken back too often.
    """
    rollbacks = health.rollbacks + 1
    if rollbacks > max_rollbacks:
        raise _stopped(alarm, f"the run was taken back {max_rollbacks} times already")
    healthy = checkpoints.newest_where(_is_healthy)
    if healthy is None:
        raise _stopped(alarm, "there is no healthy checkpoint to go back to")
    checkpoints.drop_after(healthy)
    restored = checkpoints.restore(template, None)
    assert restored is not None
    health.recall(restored.meta["health"] | {"rollbacks": rollbacks})
    logging.warning("Step %d: back to the healthy checkpoint of step %d.", alarm.step, healthy)
    return replace(restored.state, key=_another(restored.state.key, rollbacks)), healthy


def _is_healthy(meta: Mapping[str, Any]) -> bool:
    return bool(meta.get("health", {}).get("healthy"))


def _another(key: jax.Array, number: int) -> jax.Array:
    data = jnp.asarray(np.asarray(key))  # also where it lies on the devices of several processes
    return jax.random.key_data(jax.random.fold_in(jax.random.wrap_key_data(data), number))


def _stopped(alarm: Alarm, why: str) -> UnhealthyRun:
    return UnhealthyRun(f"step {alarm.step}: {alarm.name}: {alarm.message} The run ends: {why}.")
