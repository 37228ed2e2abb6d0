"""A family that compiles quickly: colours times a matrix, scored by their mean."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.api import Aux, GanFamily, Learned, StepContext, Update, Variables
from cinegan_jax.ops.images import to_signed


class ToyFamily(GanFamily):
    """Has all that a run must bring back: two players, a state, and noise from the step's key."""

    learns_from: Learned = "pairs"
    averaged: tuple[str, ...] = ("generator",)

    def __init__(self) -> None:
        self.updates = (Update(self.objective, players=("generator", "discriminator")),)

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        weights = jax.random.normal(rng, (3, 3)) / 3
        generator = {"matrix": weights, "bias": jnp.zeros(3)}
        return Variables(
            {"generator": generator, "discriminator": {"weights": weights}}, jnp.zeros(3)
        )

    def objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        noise = jax.vmap(lambda key: jax.random.normal(key, photo.shape[1:]))(context.keys)
        noisy = photo + 0.1 * noise
        fake = _coloured(params["generator"], noisy)
        weights = params["discriminator"]["weights"]
        score = jnp.mean((fake @ weights) ** 2) - jnp.mean((target @ weights) ** 2)
        l1 = jnp.mean(jnp.abs(fake - target))
        seen = 0.9 * state + 0.1 * photo.mean((0, 1, 2))
        losses = {"generator": l1 - score, "discriminator": score}
        return losses, Aux(seen, {"l1": l1, "score": score})

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        return _coloured(params["generator"], to_signed(batch["input"]))


def _coloured(generator: Params, photos: Images) -> jax.Array:
    return jnp.tanh(photos @ generator["matrix"] + generator["bias"][None, None, None])
