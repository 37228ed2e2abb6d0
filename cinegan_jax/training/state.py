"""The train state: everything a run needs to go on, as one pytree, and the ways to start one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from etils import epath
from flax import struct
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.checkpointing.pretrained import restore_networks
from cinegan_jax.core.types import Batch, Params
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.selection import sample_pixels
from cinegan_jax.families.api import GanFamily


@struct.dataclass
class MetricWindow:
    """Sums of a step's metrics since the last log, over finite steps only."""

    sums: dict[str, jax.Array]
    count: jax.Array


@struct.dataclass
class NonFinite:
    """Counts of steps whose losses or gradients were not finite; such steps move nothing."""

    total: jax.Array
    in_a_row: jax.Array
    metrics: dict[str, jax.Array]
    """True for each metric that was not finite in the last step."""


@struct.dataclass
class TrainState:
    """State of a run. Arrays are float32 masters or integers; networks cast at use."""

    step: jax.Array
    key: jax.Array
    """Raw random key of the run; each step folds in its number."""
    params: dict[str, Params]
    model_state: Any
    optimizers: dict[str, optax.OptState]
    ema: dict[str, Params]
    """Exponential moving averages of the family's `averaged` players; empty without an EMA."""
    window: MetricWindow
    nonfinite: NonFinite


Optimizers = Mapping[str, optax.GradientTransformation]


def init_state(
    family: GanFamily,
    optimizers: Optimizers,
    metric_names: tuple[str, ...],
    seed: int,
    batch: Batch,
    with_ema: bool,
) -> TrainState:
    """Return a fresh state for images of the shapes in `batch`."""
    init_key, run_key = jax.random.split(jax.random.key(seed))
    params, model_state = family.init(init_key, batch)
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        key=jax.random.key_data(run_key),
        params=dict(params),
        model_state=model_state,
        optimizers={player: tx.init(params[player]) for player, tx in optimizers.items()},
        # A copy: the parameters' buffers are donated to each step.
        ema={p: jax.tree.map(jnp.copy, params[p]) for p in family.averaged} if with_ema else {},
        window=empty_window(metric_names),
        nonfinite=NonFinite(zero, zero, {name: jnp.zeros((), bool) for name in metric_names}),
    )


def empty_window(metric_names: tuple[str, ...]) -> MetricWindow:
    """Return a window without steps."""
    sums = {name: jnp.zeros((), jnp.float32) for name in metric_names}
    return MetricWindow(sums, jnp.zeros((), jnp.int32))


class Networks(NamedTuple):
    """Parameters and model state with which a family generates images."""

    params: Mapping[str, Params]
    model_state: Any


def networks_of(state: TrainState) -> Networks:
    """Return the networks that generate images: moving averages where there are any."""
    return Networks({**state.params, **state.ema}, state.model_state)


def with_networks_of(workdir: epath.Path, fresh: TrainState) -> TrainState:
    """Return a fresh state with the networks of another run's newest checkpoint.

    Optimizers, step, key and counters stay new. Where the new run keeps an EMA, it starts from that
    of the other run, or from its parameters if it kept none.

    Raises:
      UserError: there is no such run, or its networks have other shapes.
    """
    wanted = {"params": fresh.params, "model_state": fresh.model_state}
    if fresh.ema:
        wanted["ema"] = fresh.ema
    found = restore_networks(workdir, wanted, optional=("ema",))
    if fresh.ema and "ema" not in found:
        averaged = {player: found["params"][player] for player in fresh.ema}
        found["ema"] = jax.tree.map(jnp.copy, averaged)
    return replace(fresh, **found)


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
