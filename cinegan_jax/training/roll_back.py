"""Takes a run back to its last healthy checkpoint, so that it goes on another way from there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.health.alarm import Alarm, UnhealthyRun
from cinegan_jax.training.health_hook import HealthHook
from cinegan_jax.training.state import TrainState


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
