"""Where the steps of a run begin: fresh, fine-tuned, resumed, or taken back by an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from etils import epath
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.config.run import BEST_MODES
from cinegan_jax.core.types import Params
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.selection import sample_pixels
from cinegan_jax.families.api import GanFamily
from cinegan_jax.health.monitor import Alarm, UnhealthyRun
from cinegan_jax.training.data_identity import FINGERPRINT, is_same_data
from cinegan_jax.training.fine_tuning import with_networks_from
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState


@dataclass(frozen=True)
class Start:
    """Where a run starts.

    Attributes:
      state: the train state, not yet placed on devices.
      step: number of steps taken before.
      health: what the health checks remember; empty at the beginning.
      data_before: fingerprint of the data before, where other data are accepted.
    """

    state: TrainState
    step: int = 0
    health: Mapping[str, Any] = field(default_factory=dict)
    data_before: str | None = None


def open_checkpoints(run: Run, workdir: epath.Path) -> Checkpoints:
    """Open the checkpoints of a workdir, kept as the config says.

    Raises:
      UserError: the workdir cannot be made, or see `Checkpoints`.
    """
    config = run.config
    return Checkpoints(
        workdir,
        keep_newest=config.checkpoints_kept,
        keep_every_steps=config.keep_every_steps,
        best_metric=config.best_metric,
        best_mode=BEST_MODES[config.best_metric],
        on_disk_full=config.on_disk_full,
    )


def find_start(
    run: Run, workdir: epath.Path, checkpoints: Checkpoints, batches: DevicePrefetch
) -> Start:
    """Restore the newest checkpoint, or make a fresh state.

    A fresh state takes the networks of `restore_from` as they are: parameters fitted in closed form
    (the colour table) were trained together with the others, so they are not fitted again.

    Raises:
      UserError: see `with_networks_from`; or the newest checkpoint has other arrays than the run,
        or was trained on other data.
    """
    config = run.config
    meta = checkpoints.latest_meta()
    same_data = meta is None or is_same_data(run, workdir, meta)
    template = run.parallel.to_restore(run.state_shapes())
    restored = checkpoints.restore(template, batches if same_data else None)
    if restored is not None:
        done = restored.step >= run.total_steps
        print(f"{'nothing left to do after' if done else 'continuing from'} step {restored.step}")
        return Start(
            restored.state,
            restored.step,
            restored.meta.get("health") or {},
            None if same_data else restored.meta[FINGERPRINT],
        )
    fresh = run.init_state()
    if config.restore_from:
        source, step = config.restore_from, config.restore_step
        return Start(with_networks_from(source, step, workdir, run.family, fresh))
    return Start(with_fitted_parameters(run.family, run.train_examples, run.config.seed, fresh))


def roll_back(run: Run, alarm: Alarm, checkpoints: Checkpoints, rollbacks: int) -> Start:
    """Return to the newest checkpoint that was saved without an alarm.

    Later checkpoints are deleted. The state has another random key, and the data continues where it
    is, so that the run does not repeat the same batches.

    Args:
      run: the run.
      alarm: the reason.
      checkpoints: those of the run.
      rollbacks: number of times that the run was taken back, this one included.

    Raises:
      UnhealthyRun: there is no such checkpoint, or the limit of the config is exceeded.
    """
    most = run.config.health.max_rollbacks
    if rollbacks > most:
        raise _stopped(alarm, f"it was already taken back {most} times")
    healthy = checkpoints.newest_where(_is_healthy)
    if healthy is None:
        raise _stopped(alarm, "there is no healthy checkpoint to return to")
    checkpoints.drop_after(healthy)
    restored = checkpoints.restore(run.parallel.to_restore(run.state_shapes()), None)
    assert restored is not None
    logging.warning("Step %d: back to the healthy checkpoint of step %d.", alarm.step, healthy)
    state = replace(restored.state, key=_fold_in(restored.state.key, rollbacks))
    return Start(state, healthy, restored.meta["health"] | {"rollbacks": rollbacks})


def with_fitted_parameters(
    family: GanFamily, pairs: PairSource, seed: int, fresh: TrainState
) -> TrainState:
    """Return a fresh state with the parameters that the family fits to the training pairs.

    All processes fit the same values; the moving average of a player gets them too.

    Raises:
      UserError: no pair could be read.
    """
    fitted = family.fitted(partial(sample_pixels, pairs, seed=seed))
    params, ema = dict(fresh.params), dict(fresh.ema)
    for player, values in fitted.items():
        params[player] = _merged(params[player], values)
        if player in ema:
            ema[player] = _merged(ema[player], values)
    return replace(fresh, params=params, ema=ema)


def _merged(params: Params, values: Params) -> Params:
    """Replace parameters by `values`; copies, since the buffers of a state are donated."""
    copies = {path: jnp.array(value) for path, value in flatten_dict(dict(values)).items()}
    return unflatten_dict(flatten_dict(dict(params)) | copies)


def _is_healthy(meta: Mapping[str, Any]) -> bool:
    return bool(meta.get("health", {}).get("healthy"))


def _fold_in(key: jax.Array, number: int) -> jax.Array:
    data = jnp.asarray(np.asarray(key))  # also where it is on the devices of several processes
    return jax.random.key_data(jax.random.fold_in(jax.random.wrap_key_data(data), number))


def _stopped(alarm: Alarm, why: str) -> UnhealthyRun:
    return UnhealthyRun(f"step {alarm.step}: {alarm.name}: {alarm.message} The run ends: {why}.")
