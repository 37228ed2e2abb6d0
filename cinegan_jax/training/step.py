"""The train step: a pure function from state and batch to state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from cinegan_jax.core.types import Batch, Params, Scalar
from cinegan_jax.families.api import (
    Aux,
    GanFamily,
    Objective,
    StepContext,
    Update,
    step_context,
    unaveraged,
)
from cinegan_jax.training.diagnostics import (
    Diagnostics,
    ema_diagnostics,
    player_diagnostics,
    with_diagnostics,
    without_diagnostics,
)
from cinegan_jax.training.state import MetricWindow, NonFinite, Optimizers, TrainState

RateScales = Mapping[str, jax.Array]
"""Factors of players' learning rates."""


class TrainStep(Protocol):
    """From a state and a batch to the next state; without rate scales they are all 1."""

    def __call__(
        self, state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> TrainState: ...


class MeasuredStep(Protocol):
    """The same step, which also tells how the players are (see `diagnostics`)."""

    def __call__(
        self, state: TrainState, frozen: Any, batch: Batch, rate_scales: RateScales | None = None, /
    ) -> tuple[TrainState, Diagnostics]: ...


Gradients = dict[str, Params]
Moved = tuple[TrainState, dict[str, Scalar], dict[str, Scalar]]
"""A state after an update, and the update's metrics and diagnostics."""


@dataclass(frozen=True)
class StepSettings:
    """How to minimise, beside the optimizers."""

    ema_decay: float = 0.0
    """0 keeps no average."""
    ema_warmup: bool = False
    """See `ema_decay_at`."""
    accumulate_steps: int = 1
    """Slices of the device's batch that are run one after another to save memory."""
    log_every_steps: int = 100
    """The metric window starts anew after each of these."""


def make_train_step(
    family: GanFamily,
    optimizers: Optimizers,
    settings: StepSettings,
    average: Callable[[Any], Any] = unaveraged,
    replica: Callable[[], int | jax.Array] = lambda: 0,
    replicas: int = 1,
) -> TrainStep:
    """The step of one replica.

    Args:
      family: what to minimise.
      optimizers: one for each player.
      settings: see `StepSettings`.
      average: mean over replicas of every array in a tree.
      replica: this replica's number: it says which examples of the batch it has.
      replicas: how many there are.
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
    """The step of `make_train_step`, which also measures."""
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

        def move(update: Update, state: TrainState, part: Batch, key: jax.Array) -> Moved:
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
            carry_out = partial(
                _repeated, update, partial(move, update), parts, jax.random.fold_in(key, number)
            )
            new, update_metrics, update_diagnostics = _lazily(update, carry_out, new)
            metrics |= update_metrics
            diagnostics |= update_diagnostics
        if settings.ema_decay:
            new = replace(new, ema=_averaged(new, ema_decay_at(state.step, settings)))
        broken = {name: ~jnp.isfinite(value) for name, value in metrics.items()}
        finite = ~jnp.stack(list(broken.values())).any() & _all_finite(new.model_state)
        new = jax.tree.map(lambda kept, moved: jnp.where(finite, moved, kept), state, new)
        new = replace(
            new,
            step=state.step + 1,
            window=_extended(state, metrics, finite, settings.log_every_steps),
            nonfinite=_counted(state.nonfinite, broken, finite),
        )
        if measured:
            diagnostics |= ema_diagnostics(new.ema, new.params)
        return new, diagnostics

    return step


def gradients_of(
    objective: Objective,
    players: tuple[str, ...],
    params: Mapping[str, Params],
    state: Any,
    frozen: Any,
    batch: Batch,
    context: StepContext,
) -> tuple[Gradients, dict[str, Scalar], Aux]:
    """Each player's gradient of its own loss: one forward pass, one pullback a player."""

    def losses_of(moved: Mapping[str, Params]) -> tuple[dict[str, Scalar], Aux]:
        losses, aux = objective({**params, **moved}, state, frozen, batch, context)
        return dict(losses), aux

    losses, pullback, aux = jax.vjp(losses_of, {p: params[p] for p in players}, has_aux=True)
    gradients = {}
    for player in players:
        # Only this player's share of each pullback is used; the compiler drops the rest.
        seed = {p: jnp.full_like(loss, p == player) for p, loss in losses.items()}
        gradients[player] = pullback(seed)[0][player]
    return gradients, losses, aux


def accumulate(update: Update, slices: int) -> Callable[..., tuple[Gradients, Any, Aux]]:
    """`gradients_of` an update, as the mean over `slices` equal parts of the batch.

    Losses that are means over the batch make it equal to the whole batch at once. Every slice
    starts from the same state, and the last one's is kept. No generated pictures are.
    """

    def whole(params: Any, state: Any, frozen: Any, batch: Batch, context: StepContext) -> Any:
        gradients, losses, aux = gradients_of(
            update.objective, update.players, params, state, frozen, batch, context
        )
        return gradients, losses, aux._replace(generated=None)

    def sliced(params: Any, state: Any, frozen: Any, batch: Batch, context: StepContext) -> Any:
        parts = jax.tree.map(
            lambda x: x.reshape(slices, -1, *x.shape[1:]), (dict(batch), context.keys)
        )

        def of_part(part: Any) -> Any:
            batch, keys = part
            return whole(params, state, frozen, batch, replace(context, keys=keys))

        def add(total: Any, part: Any) -> tuple[Any, Any]:
            gradients, losses, aux = of_part(part)
            summed = jax.tree.map(jnp.add, total, (gradients, losses, aux.metrics, aux.diagnostics))
            return summed, aux.state

        first = jax.tree.map(lambda x: x[0], parts)
        gradients, losses, aux = jax.eval_shape(of_part, first)
        zeros = jax.tree.map(
            lambda x: jnp.zeros(x.shape, x.dtype), (gradients, losses, aux.metrics, aux.diagnostics)
        )
        total, states = jax.lax.scan(add, zeros, parts)
        gradients, losses, *means = jax.tree.map(lambda x: x / slices, total)
        return gradients, losses, Aux(jax.tree.map(lambda x: x[-1], states), *means)

    return sliced if slices > 1 else whole


def minibatch_count(family: GanFamily) -> int:
    """Minibatches that a step draws: as many as its most repeated update needs."""
    return max(update.repeats for update in family.updates)


def minibatches(batch: Batch, count: int) -> list[Batch]:
    """A step's examples as `count` minibatches: example i goes to minibatch i modulo count.

    So each consists of the same ones, in the same order, however many replicas share the step.
    """
    if count == 1:
        return [batch]
    columns = {name: x.reshape(-1, count, *x.shape[1:]) for name, x in batch.items()}
    return [{name: x[:, part] for name, x in columns.items()} for part in range(count)]


def metric_names(family: GanFamily, frozen: Any, batch: Batch) -> tuple[str, ...]:
    """The names that a step's metrics will have, from shapes alone."""

    def terms(update: Update, frozen: Any, batch: Batch) -> Mapping[str, Scalar]:
        key = jax.random.key(0)
        context = step_context(0, key, len(batch["target"]))
        return update.objective(*family.init(key, batch), frozen, batch, context)[1].metrics

    names: list[str] = []
    for update in family.updates:
        names += jax.eval_shape(partial(terms, update), frozen, batch)
        for player in update.players:
            names += [_named("loss", player, update), _named("gradient_norm", player, update)]
    return tuple(names)


def _named(what: str, player: str, update: Update) -> str:
    return "_".join(filter(None, (what, player, update.name)))


def _repeated(
    update: Update,
    move: Callable[[TrainState, Batch, jax.Array], Moved],
    parts: Sequence[Batch],
    key: jax.Array,
    state: TrainState,
) -> Moved:
    """Repeat an update; return the means of its metrics and its last diagnostics."""
    found = []
    for repeat, part in enumerate(parts[: update.repeats]):
        state, metrics, diagnostics = move(state, part, jax.random.fold_in(key, repeat))
        found.append(metrics)
    means = jax.tree.map(lambda *values: jnp.stack(values).mean(), *found)
    return state, means, diagnostics


def _lazily(update: Update, carry_out: Callable[[TrainState], Moved], state: TrainState) -> Moved:
    """An update at its own steps; at the others nothing moves, and its metrics are zero."""
    if update.every == 1:
        return carry_out(state)

    def moving(state: TrainState) -> dict[str, Any]:
        params, optimizers = (
            {player: parts[player] for player in update.players}
            for parts in (state.params, state.optimizers)
        )
        return {"params": params, "optimizers": optimizers, "model_state": state.model_state}

    def moved() -> Any:
        after, *told = carry_out(state)
        return moving(after), told

    def rested() -> Any:
        told = jax.eval_shape(moved)[1]
        return moving(state), jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), told)

    parts, (metrics, diagnostics) = jax.lax.cond(state.step % update.every == 0, moved, rested)
    for whole in ("params", "optimizers"):
        parts[whole] = {**getattr(state, whole), **parts[whole]}
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
) -> Moved:
    """All of an update's players moved together.

    The diagnostics of players are those of their main update, which has no name.
    """
    params, opt_states, diagnostics = (
        dict(state.params),
        dict(state.optimizers),
        dict(aux.diagnostics),
    )
    metrics = dict(aux.metrics)
    for player, gradient in gradients.items():
        metrics[_named("loss", player, update)] = losses[player]
        metrics[_named("gradient_norm", player, update)] = optax.tree.norm(gradient)
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
    """The decay at a 0-based step.

    With warm-up, min(decay, (1 + step) / (10 + step)), as TensorFlow's
    `ExponentialMovingAverage(num_updates=step)`: the average then spans the last tenth of a young
    run instead of remembering its start. Near enough what EDM does by a half-life of a twentieth
    of the run so far (arXiv 2206.00364).
    """
    if not settings.ema_warmup:
        return settings.ema_decay
    return jnp.minimum(settings.ema_decay, (1.0 + step) / (10.0 + step))


def _averaged(state: TrainState, decay: float | jax.Array) -> dict[str, Params]:
    moved = {player: state.params[player] for player in state.ema}
    return optax.incremental_update(moved, state.ema, 1.0 - decay)


def _all_finite(state: Any) -> jax.Array:
    """Running statistics remember an infinity for good, which no loss may show."""
    leaves = jax.tree.leaves(state)
    return jnp.array([jnp.isfinite(leaf).all() for leaf in leaves], bool).all()


def _extended(
    state: TrainState, metrics: Mapping[str, Scalar], finite: jax.Array, log_every_steps: int
) -> MetricWindow:
    fresh = state.step % log_every_steps == 0
    sums = {
        name: jnp.where(fresh, 0.0, state.window.sums[name]) + jnp.where(finite, value, 0.0)
        for name, value in metrics.items()
    }
    count = jnp.where(fresh, 0, state.window.count) + finite.astype(jnp.int32)
    return MetricWindow(sums, count)


def _counted(before: NonFinite, broken: Mapping[str, jax.Array], finite: jax.Array) -> NonFinite:
    bad = (~finite).astype(jnp.int32)
    return NonFinite(
        total=before.total + bad, in_a_row=(before.in_a_row + 1) * bad, metrics=dict(broken)
    )
