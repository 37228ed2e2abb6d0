"""The train step: a pure function from state and batch to the next state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from cinegan_jax.core.types import Batch, Params, Scalar
from cinegan_jax.families.api import Aux, GanFamily, Update, step_context, unaveraged
from cinegan_jax.training.diagnostics import (
    Diagnostics,
    ema_diagnostics,
    player_diagnostics,
    with_diagnostics,
    without_diagnostics,
)
from cinegan_jax.training.gradients import (
    Gradients,
    accumulate,
    minibatch_count,
    minibatches,
    player_metric,
)
from cinegan_jax.training.state import MetricWindow, NonFinite, Optimizers, TrainState

RateScales = Mapping[str, jax.Array]
"""Factor of each player's learning rate."""


class TrainStep(Protocol):
    """Function from a state and a batch to the next state; without rate scales, they are 1."""

    def __call__(
        self, state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> TrainState: ...


class MeasuredStep(Protocol):
    """The same step, which also returns diagnostics of the players."""

    def __call__(
        self, state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> tuple[TrainState, Diagnostics]: ...


Updated = tuple[TrainState, dict[str, Scalar], dict[str, Scalar]]
"""State after an update, and the metrics and diagnostics of the update."""


@dataclass(frozen=True)
class StepSettings:
    """Training-step settings other than the optimizers."""

    ema_decay: float = 0.0
    """Decay of the exponential moving average; 0: none is kept."""
    ema_warmup: bool = False
    """Let the decay rise at the start; see `ema_decay_at`."""
    accumulate_steps: int = 1
    """Number of slices of a device's batch, run one after another to save memory."""
    log_every_steps: int = 100
    """Length of the metric window, in steps."""


def make_train_step(
    family: GanFamily,
    optimizers: Optimizers,
    settings: StepSettings,
    average: Callable[[Any], Any] = unaveraged,
    replica: Callable[[], int | jax.Array] = lambda: 0,
    replicas: int = 1,
) -> TrainStep:
    """Return the train step of one replica.

    Args:
      family: objectives to minimise.
      optimizers: one per player.
      settings: see `StepSettings`.
      average: mean over replicas of every array in a tree.
      replica: index of this replica, which determines its examples of the batch.
      replicas: number of replicas.
    """
    step = _make_step(family, optimizers, settings, average, replica, replicas, measured=False)

    def train_step(
        state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> TrainState:
        return step(state, frozen, batch, rate_scales)[0]

    return train_step


def make_measured_step(
    family: GanFamily,
    optimizers: Optimizers,
    settings: StepSettings,
    average: Callable[[Any], Any] = unaveraged,
    replica: Callable[[], int | jax.Array] = lambda: 0,
    replicas: int = 1,
) -> MeasuredStep:
    """Return the step of `make_train_step` that also returns diagnostics."""
    return _make_step(family, optimizers, settings, average, replica, replicas, measured=True)


def _make_step(
    family: GanFamily,
    optimizers: Optimizers,
    settings: StepSettings,
    average: Callable[[Any], Any],
    replica: Callable[[], int | jax.Array],
    replicas: int,
    measured: bool,
) -> MeasuredStep:
    updates = tuple(map(with_diagnostics if measured else without_diagnostics, family.updates))

    def step(
        state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> tuple[TrainState, Diagnostics]:
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)
        parts = minibatches(batch, minibatch_count(family))

        def run_once(update: Update, state: TrainState, part: Batch, key: jax.Array) -> Updated:
            examples = len(part["target"])
            first = replica() * examples
            context = step_context(state.step, key, examples, first, average, replicas)
            result = accumulate(update, settings.accumulate_steps)(
                state.params, state.model_state, frozen, part, context
            )
            return _apply(state, update, optimizers, rate_scales, measured, *average(result))

        new = state
        metrics: dict[str, Scalar] = {}
        diagnostics: dict[str, Scalar] = {}
        for number, update in enumerate(updates):
            run = partial(
                _repeat, update, partial(run_once, update), parts, jax.random.fold_in(key, number)
            )
            new, update_metrics, update_diagnostics = _run_lazily(update, run, new)
            metrics |= update_metrics
            diagnostics |= update_diagnostics
        if settings.ema_decay:
            new = replace(new, ema=_average_params(new, ema_decay_at(state.step, settings)))
        new = _keep_if_finite(state, new, metrics, settings.log_every_steps)
        if measured:
            diagnostics |= ema_diagnostics(new.ema, new.params)
        return new, diagnostics

    return step


def _repeat(
    update: Update,
    run_once: Callable[[TrainState, Batch, jax.Array], Updated],
    parts: Sequence[Batch],
    key: jax.Array,
    state: TrainState,
) -> Updated:
    """Repeat an update; return the means of its metrics and its last diagnostics."""
    results = []
    for repeat, part in enumerate(parts[: update.repeats]):
        state, metrics, diagnostics = run_once(state, part, jax.random.fold_in(key, repeat))
        results.append(metrics)
    means = jax.tree.map(lambda *values: jnp.stack(values).mean(), *results)
    return state, means, diagnostics


def _run_lazily(update: Update, run: Callable[[TrainState], Updated], state: TrainState) -> Updated:
    """Run an update at its own steps; at the others nothing moves and its metrics are zero."""
    if update.every == 1:
        return run(state)

    def moving_parts(state: TrainState) -> dict[str, Any]:
        params, optimizers = (
            {player: parts[player] for player in update.players}
            for parts in (state.params, state.optimizers)
        )
        return {"params": params, "optimizers": optimizers, "model_state": state.model_state}

    def moved() -> Any:
        after, *measured = run(state)
        return moving_parts(after), measured

    def unmoved() -> Any:
        measured = jax.eval_shape(moved)[1]
        return moving_parts(state), jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), measured)

    parts, (metrics, diagnostics) = jax.lax.cond(state.step % update.every == 0, moved, unmoved)
    for name in ("params", "optimizers"):
        parts[name] = {**getattr(state, name), **parts[name]}
    return replace(state, **parts), metrics, diagnostics


def _apply(
    state: TrainState,
    update: Update,
    optimizers: Optimizers,
    rate_scales: RateScales | None,
    measured: bool,
    gradients: Gradients,
    losses: Any,
    aux: Aux,
) -> Updated:
    """Move all players of an update together.

    The diagnostics of a player are those of its main update, which has no name.
    """
    params, opt_states = dict(state.params), dict(state.optimizers)
    metrics, diagnostics = dict(aux.metrics), dict(aux.diagnostics)
    for player, gradient in gradients.items():
        metrics[player_metric("loss", player, update)] = losses[player]
        metrics[player_metric("gradient_norm", player, update)] = optax.tree.norm(gradient)
        updates, opt_states[player] = optimizers[player].update(
            gradient, opt_states[player], params[player]
        )
        if rate_scales is not None:
            updates = optax.tree.scale(rate_scales[player], updates)
        if measured and not update.name:
            diagnostics |= player_diagnostics(player, gradient, updates, params[player])
        params[player] = optax.apply_updates(params[player], updates)
    new = replace(state, params=params, optimizers=opt_states, model_state=aux.state)
    return new, metrics, diagnostics


def ema_decay_at(step: int | jax.Array, settings: StepSettings) -> float | jax.Array:
    """Return the decay of the moving average at a 0-based step.

    With warm-up it is min(decay, (1 + step) / (10 + step)), as in TensorFlow's
    `ExponentialMovingAverage(num_updates=step)`: the average of a young run spans its last tenth
    instead of remembering the start. EDM's half-life of a twentieth of the run so far is close to
    it (arXiv 2206.00364).
    """
    if not settings.ema_warmup:
        return settings.ema_decay
    return jnp.minimum(settings.ema_decay, (1.0 + step) / (10.0 + step))


def _average_params(state: TrainState, decay: float | jax.Array) -> dict[str, Params]:
    moved = {player: state.params[player] for player in state.ema}
    return optax.incremental_update(moved, state.ema, 1.0 - decay)


def _keep_if_finite(
    old: TrainState, new: TrainState, metrics: Mapping[str, Scalar], log_every_steps: int
) -> TrainState:
    """Keep the old state where a metric or the new model state is not finite; count the step."""
    broken = {name: ~jnp.isfinite(value) for name, value in metrics.items()}
    finite = ~jnp.stack(list(broken.values())).any() & _all_finite(new.model_state)
    new = jax.tree.map(lambda kept, moved: jnp.where(finite, moved, kept), old, new)
    return replace(
        new,
        step=old.step + 1,
        window=_extend_window(old, metrics, finite, log_every_steps),
        nonfinite=_count_nonfinite(old.nonfinite, broken, finite),
    )


def _all_finite(model_state: Any) -> jax.Array:
    """Check running statistics: they keep an infinity that the losses may not show."""
    leaves = jax.tree.leaves(model_state)
    return jnp.array([jnp.isfinite(leaf).all() for leaf in leaves], bool).all()


def _extend_window(
    state: TrainState, metrics: Mapping[str, Scalar], finite: jax.Array, log_every_steps: int
) -> MetricWindow:
    fresh = state.step % log_every_steps == 0
    sums = {
        name: jnp.where(fresh, 0.0, state.window.sums[name]) + jnp.where(finite, value, 0.0)
        for name, value in metrics.items()
    }
    count = jnp.where(fresh, 0, state.window.count) + finite.astype(jnp.int32)
    return MetricWindow(sums, count)


def _count_nonfinite(
    before: NonFinite, broken: Mapping[str, jax.Array], finite: jax.Array
) -> NonFinite:
    bad = (~finite).astype(jnp.int32)
    return NonFinite(
        total=before.total + bad, in_a_row=(before.in_a_row + 1) * bad, metrics=dict(broken)
    )
