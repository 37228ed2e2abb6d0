"""A GAN of dense layers, whose players move together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from cinegan_jax.config.run import LatentGeneratorSettings, LatentRunConfig
from cinegan_jax.config.schema import key, section, with_default
from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.adversarial import discriminator_diagnostics
from cinegan_jax.families.api import Aux, LatentFamily, StepContext, Update, Variables
from cinegan_jax.families.game import Adversarial
from cinegan_jax.losses import hinge_discriminator, hinge_generator
from cinegan_jax.ops.images import to_signed


@dataclass(frozen=True)
class DenseSettings(LatentGeneratorSettings):
    """The generator."""

    width: int = key(256, "Hidden units of both networks.", at_least=1)


@dataclass(frozen=True)
class DenseGanConfig(LatentRunConfig):
    """The keys of a run of this family."""

    family: str = with_default(LatentRunConfig, "family", "dense_gan")
    generator: DenseSettings = section(DenseSettings())


class DenseGan(LatentFamily):
    averaged = ("generator",)

    def __init__(self, size: int, latent_size: int, width: int):
        self.size, self.latent_size = size, latent_size
        self.generator = nn.Sequential([nn.Dense(width), nn.relu, nn.Dense(3 * size**2), nn.tanh])
        self.discriminator = nn.Sequential([nn.Dense(width), nn.leaky_relu, nn.Dense(1)])
        self.updates = (Update(self.objective, players=("generator", "discriminator")),)

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        keys = jax.random.split(rng)
        generator = self.generator.init(keys[0], jnp.zeros((1, self.latent_size)))
        discriminator = self.discriminator.init(keys[1], jnp.zeros((1, 3 * self.size**2)))
        return Variables({"generator": generator, "discriminator": discriminator}, state={})

    def objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        fake = self.decode(params, state, self.latents(context.keys))
        real_logits = self.judge(params, state, to_signed(batch["target"]))
        fake_logits = self.judge(params, state, fake)
        losses = {
            "generator": hinge_generator(fake_logits),
            "discriminator": hinge_discriminator(real_logits, fake_logits),
        }
        diagnostics = discriminator_diagnostics(Adversarial(), real_logits, fake_logits)
        return losses, Aux(state, metrics={}, diagnostics=diagnostics, generated=fake)

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        pixels = self.generator.apply(params["generator"], latents)
        return pixels.reshape(-1, self.size, self.size, 3)

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        logits = self.discriminator.apply(params["discriminator"], images.reshape(len(images), -1))
        return logits[:, 0]


def build(config: DenseGanConfig) -> DenseGan:
    return DenseGan(config.data.size, config.generator.latent_size, config.generator.width)
