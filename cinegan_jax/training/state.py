"""Everything a run needs to go on, as one pytree."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct

from cinegan_jax.families.api import GanFamily
from cinegan_jax.types import Batch, Params


@struct.dataclass
class MetricWindow:
    """Sums of the step's metrics since the last log, over the finite steps only."""

    sums: dict[str, jax.Array]
    count: jax.Array


@struct.dataclass
class NonFinite:
    """Steps whose losses or gradients were not finite; such steps move nothing."""

    total: jax.Array
    in_a_row: jax.Array
    metrics: dict[str, jax.Array]
    """For each metric, whether it was not finite in the last step."""


@struct.dataclass
class TrainState:
    """All arrays are float32 masters or integers; networks cast at use."""

    step: jax.Array
    key: jax.Array
    """Raw key data of the run; each step folds its own number in."""
    params: dict[str, Params]
    family: Any
    optimizers: dict[str, optax.OptState]
    ema: dict[str, Params]
    """Averages of the family's `averaged` players; empty when no EMA is kept."""
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
    """A fresh state for pictures of the shapes in `batch`."""
    init_key, run_key = jax.random.split(jax.random.key(seed))
    params, family_state = family.init(init_key, batch)
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        key=jax.random.key_data(run_key),
        params=dict(params),
        family=family_state,
        optimizers={player: tx.init(params[player]) for player, tx in optimizers.items()},
        # A copy: the parameters' buffers are donated to each step.
        ema={p: jax.tree.map(jnp.copy, params[p]) for p in family.averaged} if with_ema else {},
        window=empty_window(metric_names),
        nonfinite=NonFinite(zero, zero, {name: jnp.zeros((), bool) for name in metric_names}),
    )


def empty_window(metric_names: tuple[str, ...]) -> MetricWindow:
    """A window that has seen no step."""
    sums = {name: jnp.zeros((), jnp.float32) for name in metric_names}
    return MetricWindow(sums, jnp.zeros((), jnp.int32))


class Networks(NamedTuple):
    """What it takes to make pictures."""

    params: Mapping[str, Params]
    family: Any


def networks_of(state: TrainState) -> Networks:
    """The networks to make pictures with: the averages where there are any."""
    return Networks({**state.params, **state.ema}, state.family)
