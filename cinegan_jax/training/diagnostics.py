"""Diagnostics that a step measures: scalars by name, the same for any partitioning.

Every value is a mean over the batch, or a norm of something averaged over replicas; the mean over
replicas is then the value of the whole batch. Values that are not means (ratios, colour
differences) are derived on the host by `health.diagnostics`.

Names are `SUBJECT/quantity` or `SUBJECT/quantity/PART`, such as `generator/gradient_norm/block1`.
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
"""Absolute signed value from which a value counts as saturated."""

BURNT = 0.9
"""Signed value that all channels of a burnt-out pixel reach: level 242 of 255."""


def with_diagnostics(update: Update) -> Update:
    """Return the update with an objective that also measures the generated images."""

    def measured(aux: Aux, batch: Batch) -> Aux:
        of_images = {} if aux.generated is None else image_diagnostics(aux.generated, batch)
        return aux._replace(diagnostics={**aux.diagnostics, **of_images}, generated=None)

    return update._replace(objective=_with_aux(update.objective, measured))


def without_diagnostics(update: Update) -> Update:
    """Return the update without diagnostics; the compiler drops the work that only they need."""

    def bare(aux: Aux, batch: Batch) -> Aux:
        return aux._replace(diagnostics={}, generated=None)

    return update._replace(objective=_with_aux(update.objective, bare))


def player_diagnostics(
    player: str, gradient: Params, updates: Params, params: Params
) -> Diagnostics:
    """Return the norms of a player's averaged gradient, update and parameters.

    Each is given for the whole player and for each block, a top-level name of its parameters.
    """
    trees = {"gradient_norm": gradient, "update_norm": updates, "parameter_norm": params}
    diagnostics = {}
    for quantity, tree in trees.items():
        diagnostics[f"{player}/{quantity}"] = optax.tree.norm(tree)
        for block, part in tree.items():
            diagnostics[f"{player}/{quantity}/{block}"] = optax.tree.norm(part)
    return diagnostics


def ema_diagnostics(averages: Mapping[str, Params], params: Mapping[str, Params]) -> Diagnostics:
    """Return the distance of each moving average from its player's parameters, relative to them."""
    return {
        f"{player}/ema_gap": optax.tree.norm(optax.tree.sub(average, params[player]))
        / optax.tree.norm(params[player])
        for player, average in averages.items()
    }


def image_diagnostics(generated: Images, batch: Batch) -> Diagnostics:
    """Return the diagnostics of images, signed [n, h, w, 3], and of their `input` and `target`.

    Either may be missing in `batch`; without an `input`, images have no targets of their own.
    Distances are between the images 0 and 1, 2 and 3, and so on: NaN for a single image.
    """
    output = jax.lax.stop_gradient(jnp.asarray(generated).astype(jnp.float32))
    known = {name: to_signed(batch[name]) for name in ("input", "target") if name in batch}
    by_name = {"output": output, **known}
    diagnostics = {
        f"{name}/pair_distance": jnp.mean(jnp.abs(_differences(images)))
        for name, images in by_name.items()
    }
    diagnostics["output/variance"] = jnp.mean(jnp.square(_differences(output))) / 2
    for name in ("output", "target"):
        if name in by_name:
            colours = _colours(by_name[name])
            diagnostics |= {f"{name}/{quantity}": value for quantity, value in colours.items()}
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
    """Return each even image minus the odd one after it."""
    pairs = len(images) // 2
    return images[: 2 * pairs : 2] - images[1 : 2 * pairs : 2]


def _with_aux(objective: Objective, change: Any) -> Objective:
    def changed(
        params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, context: StepContext, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        losses, aux = objective(params, state, frozen, batch, context)
        return losses, change(aux, batch)

    return changed
