"""The train state: everything a run needs to go on, as one pytree."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct

from cinegan_jax.core.types import Batch, Params
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
