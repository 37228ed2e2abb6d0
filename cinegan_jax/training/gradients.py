"""Gradients of an update: one per player from one forward pass, over slices of the batch."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Batch, Params, Scalar
from cinegan_jax.families.api import (
    Aux,
    GanFamily,
    Objective,
    StepContext,
    Update,
    step_context,
)

Gradients = dict[str, Params]
"""Gradient of each player's own loss, by player."""


def player_gradients(
    objective: Objective,
    players: tuple[str, ...],
    params: Mapping[str, Params],
    model_state: Any,
    frozen: Any,
    batch: Batch,
    context: StepContext,
) -> tuple[Gradients, dict[str, Scalar], Aux]:
    """Compute each player's gradient of its own loss: one forward pass, one vjp per player."""

    def losses_of(moved: Mapping[str, Params]) -> tuple[dict[str, Scalar], Aux]:
        losses, aux = objective({**params, **moved}, model_state, frozen, batch, context)
        return dict(losses), aux

    losses, pullback, aux = jax.vjp(losses_of, {p: params[p] for p in players}, has_aux=True)
    gradients = {}
    for player in players:
        # Only this player's part of each pullback is used; the compiler drops the rest.
        seed = {p: jnp.full_like(loss, p == player) for p, loss in losses.items()}
        gradients[player] = pullback(seed)[0][player]
    return gradients, losses, aux


def accumulate(update: Update, slices: int) -> Callable[..., tuple[Gradients, Any, Aux]]:
    """Return `player_gradients` of an update as the mean over `slices` equal parts of the batch.

    Where losses are means over the batch, the result equals that of the whole batch at once. Every
    slice starts from the same model state, and the state after the last slice is kept. Generated
    images are dropped.
    """

    def whole(
        params: Any, model_state: Any, frozen: Any, batch: Batch, context: StepContext
    ) -> Any:
        gradients, losses, aux = player_gradients(
            update.objective, update.players, params, model_state, frozen, batch, context
        )
        return gradients, losses, aux._replace(generated=None)

    def sliced(
        params: Any, model_state: Any, frozen: Any, batch: Batch, context: StepContext
    ) -> Any:
        parts = jax.tree.map(
            lambda x: x.reshape(slices, -1, *x.shape[1:]), (dict(batch), context.keys)
        )

        def of_part(part: Any) -> Any:
            batch, keys = part
            return whole(params, model_state, frozen, batch, replace(context, keys=keys))

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
    """Return the number of minibatches per step: the repeats of the most repeated update."""
    return max(update.repeats for update in family.updates)


def minibatches(batch: Batch, count: int) -> list[Batch]:
    """Split the examples of a step into `count` minibatches: example i goes to i modulo count.

    Each minibatch then holds the same examples in the same order for any number of replicas.
    """
    if count == 1:
        return [batch]
    columns = {name: x.reshape(-1, count, *x.shape[1:]) for name, x in batch.items()}
    return [{name: x[:, part] for name, x in columns.items()} for part in range(count)]


def metric_names(family: GanFamily, frozen: Any, batch: Batch) -> tuple[str, ...]:
    """Return the names of a step's metrics, from shapes alone."""

    def terms(update: Update, frozen: Any, batch: Batch) -> Mapping[str, Scalar]:
        key = jax.random.key(0)
        context = step_context(0, key, len(batch["target"]))
        return update.objective(*family.init(key, batch), frozen, batch, context)[1].metrics

    names: list[str] = []
    for update in family.updates:
        names += jax.eval_shape(partial(terms, update), frozen, batch)
        for player in update.players:
            names += [player_metric(kind, player, update) for kind in ("loss", "gradient_norm")]
    return tuple(names)


def player_metric(kind: str, player: str, update: Update) -> str:
    """Return the name of a player's metric, such as `loss_discriminator_r1`."""
    return "_".join(filter(None, (kind, player, update.name)))
