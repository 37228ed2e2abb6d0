"""A family of latents that compiles at once: pictures linear in them, judged by their colour."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax.errors import UserError
from cinegan_jax.families.api import (
    Aux,
    LatentFamily,
    Learned,
    Moment,
    Update,
    Variables,
    example_keys,
)
from cinegan_jax.ops.images import to_signed
from cinegan_jax.types import Batch, Images, Params, Scalar


class ToyLatentFamily:
    """Has all that a run must bring back: two players that alternate, a state, and noise."""

    learns_from: Learned = "pictures"
    averaged: tuple[str, ...] = ("generator",)
    latent_size: int = 8

    def __init__(self, *, truncates: bool = True) -> None:
        self._truncates = truncates
        self.updates = (
            Update(self._critics_objective, players=("critics",)),
            Update(self._generator_objective, players=("generator",)),
        )

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        shape = batch["target"].shape[1:]
        matrix = jax.random.normal(rng, (self.latent_size, *shape)) / self.latent_size
        generator = {"matrix": matrix, "bias": jnp.zeros(shape)}
        critics = {"weights": jax.random.normal(rng, shape), "bias": jnp.zeros(())}
        return Variables({"generator": generator, "critics": critics}, jnp.zeros(3))

    def fitted(self, pixels: Any, /) -> Mapping[str, Params]:
        return {}

    def load_frozen(self) -> Any:
        return None

    def frozen_shapes(self) -> Any:
        return None

    def latents(self, keys: jax.Array, truncation: float = 0.0, /) -> jax.Array:
        if truncation and not self._truncates:
            raise UserError(f"truncation={truncation}: this family has none; leave it at 0")
        return LatentFamily.latents(self, keys, truncation)

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        generator = params["generator"]
        return jnp.tanh(jnp.tensordot(latents, generator["matrix"], 1) + generator["bias"][None])

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        critics = params["critics"]
        return jnp.mean(images * critics["weights"][None], axis=(1, 2, 3)) + critics["bias"]

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        return self.decode(params, state, self.latents(example_keys(rng, len(batch["target"]))))

    def _critics_objective(
        self, params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, moment: Moment, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        target = to_signed(batch["target"])
        fake = self.decode(params, state, self.latents(moment.keys))
        real, fooled = (self.judge(params, state, images) for images in (target, fake))
        loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fooled))
        colour = moment.average(target.mean((0, 1, 2)))
        signals = {
            "critics/accuracy_real": jnp.mean(real > 0),
            "critics/accuracy_fake": jnp.mean(fooled < 0),
            "critics/margin_real": jnp.mean(real),
            "critics/margin_fake": jnp.mean(-fooled),
        }
        return {"critics": loss}, Aux(0.9 * state + 0.1 * colour, {}, signals)

    def _generator_objective(
        self, params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, moment: Moment, /
    ) -> tuple[Mapping[str, Scalar], Aux]:
        fake = self.decode(params, state, self.latents(moment.keys))
        loss = jnp.mean(jax.nn.softplus(-self.judge(params, state, fake)))
        return {"generator": loss}, Aux(state, {}, generated=fake)
