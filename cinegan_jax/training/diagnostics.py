"""What a step can tell of its players' health, beside moving them: scalars by name.

Every value is a mean over the batch, or a norm of what has been averaged over replicas, so that
the mean over replicas is the value of the whole batch, whatever the partitioning. What is no mean
(ratios, distances of colours) is made of them on the host by `health.diagnostics`.

Names are `WHOSE/what` or `WHOSE/what/PART`: `generator/gradient_norm/block1`, `output/variance`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.api import Aux, Objective, StepContext, Update
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.ops.images import to_signed

Diagnostics = Mapping[str, Scalar]

SATURATED = 0.99
"""Signed values at least so far from 0 count as saturated."""

BURNT = 0.9
"""Signed value that all channels of a burnt pixel reach: 242 of 255."""


def with_diagnostics(update: Update) -> Update:
    """The update whose objective also measures the pictures that it made."""

    def measured(aux: Aux, batch: Batch) -> Aux:
        pictures = {} if aux.generated is None else image_diagnostics(aux.generated, batch)
        return aux._replace(diagnostics={**aux.diagnostics, **pictures}, generated=None)

    return update._replace(objective=_with_aux(update.objective, measured))


def without_diagnostics(update: Update) -> Update:
    """The update that measures nothing; the compiler drops what only its diagnostics needed."""

    def bare(aux: Aux, batch: Batch) -> Aux:
        return aux._replace(diagnostics={}, generated=None)

    return update._replace(objective=_with_aux(update.objective, bare))


def player_diagnostics(
    player: str, gradient: Params, updates: Params, params: Params
) -> Diagnostics:
    """Norms of a player's averaged gradient, of its update and of its parameters.

    Each for the player as a whole and for each block, a top-level name of its parameters.
    """
    trees = {"gradient_norm": gradient, "update_norm": updates, "parameter_norm": params}
    diagnostics = {}
    for what, tree in trees.items():
        diagnostics[f"{player}/{what}"] = optax.tree.norm(tree)
        for block, part in tree.items():
            diagnostics[f"{player}/{what}/{block}"] = optax.tree.norm(part)
    return diagnostics


def ema_diagnostics(averages: Mapping[str, Params], params: Mapping[str, Params]) -> Diagnostics:
    """Each average's distance from its player's parameters, relative to these."""
    return {
        f"{player}/ema_gap": optax.tree.norm(optax.tree.sub(average, params[player]))
        / optax.tree.norm(params[player])
        for player, average in averages.items()
    }


def image_diagnostics(generated: Images, batch: Batch) -> Diagnostics:
    """What can be said of pictures, signed [n, h, w, 3], beside their `input` and `target`.

    Either may be missing in `batch`; without an `input` no picture has a target of its own to be
    near to. Distances are between the pictures 0 and 1, 2 and 3, ...: not a number for one picture
    alone.
    """
    output = jax.lax.stop_gradient(jnp.asarray(generated).astype(jnp.float32))
    known = {name: to_signed(batch[name]) for name in ("input", "target") if name in batch}
    pictures = {"output": output, **known}
    diagnostics = {
        f"{whose}/pair_distance": jnp.mean(jnp.abs(_differences(images)))
        for whose, images in pictures.items()
    }
    diagnostics["output/variance"] = jnp.mean(jnp.square(_differences(output))) / 2
    for whose in ("output", "target"):
        if whose in pictures:
            colours = _colours(pictures[whose])
            diagnostics |= {f"{whose}/{what}": value for what, value in colours.items()}
    if len(known) == 2:
        diagnostics["output/target_distance"] = jnp.mean(jnp.abs(output - known["target"]))
    return diagnostics


def _colours(images: jax.Array) -> Diagnostics:
    unit = jnp.clip((images + 1) / 2, 0, 1)
    _, a, b = jnp.moveaxis(jnp.asarray(srgb_to_lab(unit)).mean((0, 1, 2)), -1, 0)
    return {
        "saturated_share": jnp.mean((jnp.abs(images) >= SATURATED).astype(jnp.float32)),
        "burnt_share": jnp.mean((images.min(-1) >= BURNT).astype(jnp.float32)),
        "mean_a": a,
        "mean_b": b,
    }


def _differences(images: jax.Array) -> jax.Array:
    """Each even picture minus the odd one after it."""
    pairs = len(images) // 2
    return images[: 2 * pairs : 2] - images[1 : 2 * pairs : 2]


def _with_aux(objective: Objective, change: Any) -> Objective:
    def changed(
        params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, context: StepContext, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        losses, aux = objective(params, state, frozen, batch, context)
        return losses, change(aux, batch)

    return changed
