"""A latent family that compiles quickly: images linear in the latents, scored by colour."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.api import (
    Aux,
    LatentFamily,
    Learned,
    StepContext,
    Update,
    Variables,
    example_keys,
)
from cinegan_jax.ops.images import to_signed


class ToyLatentFamily(LatentFamily):
    """Has all that a run must bring back: two players that alternate, a state, and noise."""

    learns_from: Learned = "images"
    averaged: tuple[str, ...] = ("generator",)
    latent_size: int = 8

    def __init__(self, *, truncates: bool = True) -> None:
        self._truncates = truncates
        self.updates = (
            Update(self._discriminators_objective, players=("discriminator",)),
            Update(self._generator_objective, players=("generator",)),
        )

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        shape = batch["target"].shape[1:]
        matrix = jax.random.normal(rng, (self.latent_size, *shape)) / self.latent_size
        generator = {"matrix": matrix, "bias": jnp.zeros(shape)}
        discriminators = {"weights": jax.random.normal(rng, shape), "bias": jnp.zeros(())}
        return Variables({"generator": generator, "discriminator": discriminators}, jnp.zeros(3))

    def latents(self, keys: jax.Array, truncation: float = 0.0, /) -> jax.Array:
        if truncation and not self._truncates:
            raise UserError(f"truncation={truncation}: this family has none; leave it at 0")
        return LatentFamily.latents(self, keys, truncation)

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        generator = params["generator"]
        return jnp.tanh(jnp.tensordot(latents, generator["matrix"], 1) + generator["bias"][None])

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        discriminators = params["discriminator"]
        return (
            jnp.mean(images * discriminators["weights"][None], axis=(1, 2, 3))
            + discriminators["bias"]
        )

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        return self.decode(params, state, self.latents(example_keys(rng, len(batch["target"]))))

    def _discriminators_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        target = to_signed(batch["target"])
        fake = self.decode(params, state, self.latents(context.keys))
        real, fooled = (self.judge(params, state, images) for images in (target, fake))
        loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fooled))
        colour = context.average(target.mean((0, 1, 2)))
        diagnostics = {
            "discriminator/accuracy_real": jnp.mean(real > 0),
            "discriminator/accuracy_fake": jnp.mean(fooled < 0),
            "discriminator/margin_real": jnp.mean(real),
            "discriminator/margin_fake": jnp.mean(-fooled),
        }
        return {"discriminator": loss}, Aux(0.9 * state + 0.1 * colour, {}, diagnostics)

    def _generator_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        fake = self.decode(params, state, self.latents(context.keys))
        loss = jnp.mean(jax.nn.softplus(-self.judge(params, state, fake)))
        return {"generator": loss}, Aux(state, {}, generated=fake)
