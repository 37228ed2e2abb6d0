"""Health checks of a run in training, and the actions that alarms ask for."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from cinegan_jax.health.monitor import (
    Alarm,
    Monitor,
    RollBack,
    UnhealthyRun,
    alarm_record,
    check_record,
)
from cinegan_jax.health.rules import ACTIONS
from cinegan_jax.training.loop import CompiledSteps
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.state import TrainState


@dataclass
class HealthHook:
    """A hook that checks a run's health; several processes each find and do the same.

    Attributes:
      every_steps: interval of checks, equal to that of measured steps.
      monitor: raises the alarms.
      steps: returns the diagnostics, and scales the learning rates.
      players: the players whose learning rates can be lowered.
      lower_rate_factor: factor of each reduction of the learning rate.
      waited: seconds that this process' devices have waited for data since its start.
      unreplicate: returns arrays of one replica.
      log: destination of the records.
      rollbacks: number of times that the run was taken back so far.
    """

    every_steps: int
    monitor: Monitor
    steps: CompiledSteps
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
        for alarm in sorted(alarms, key=_severity, reverse=True):
            self._act(alarm)
        return {}

    def memory(self) -> dict[str, Any]:
        """Return the part of the hook that a checkpoint keeps, as JSON values."""
        return {
            "healthy": self.monitor.healthy,
            "monitor": self.monitor.memory(),
            "rate_scales": dict(self._scales),
            "rollbacks": self.rollbacks,
            "skipped": self._skipped,
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Continue from what `memory` returned."""
        self.monitor.recall(memory["monitor"])
        self.rollbacks, self._skipped = memory["rollbacks"], memory["skipped"]
        self._scale_rates(self._scales | memory["rate_scales"])

    def _measured(self, state: TrainState) -> dict[str, float]:
        diagnostics, skipped = jax.device_get(
            self.unreplicate((self.steps.diagnostics, state.nonfinite.total))
        )
        steps, self._skipped = int(skipped) - self._skipped, int(skipped)
        scales = {f"{player}/rate_scale": scale for player, scale in self._scales.items()}
        values = {name: float(value) for name, value in diagnostics.items()}
        return {
            **values,
            **scales,
            "steps/non_finite": steps,
            "data/wait_share": self._wait_share(),
        }

    def _wait_share(self) -> float:
        """Return the share of time since the last check that the slowest process waited."""
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
            self.steps.scale_rates(scales)


def _severity(alarm: Alarm) -> int:
    return ACTIONS.index(alarm.rule.action)
