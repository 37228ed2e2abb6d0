"""A GAN of dense layers, whose players move together."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from cinegan_jax.families.adversarial import Adversarial, discriminator_diagnostics
from cinegan_jax.families.api import Aux, LatentFamily, Update, Variables
from cinegan_jax.losses import hinge_discriminator, hinge_generator
from cinegan_jax.ops.images import to_signed


class DenseGan(LatentFamily):
    averaged = ("generator",)

    def __init__(self, size: int, latent_size: int, width: int):
        self.size, self.latent_size = size, latent_size
        self.generator = nn.Sequential([nn.Dense(width), nn.relu, nn.Dense(3 * size**2), nn.tanh])
        self.discriminator = nn.Sequential([nn.Dense(width), nn.leaky_relu, nn.Dense(1)])
        self.updates = (Update(self.objective, players=("generator", "discriminator")),)

    def init(self, rng, batch, /):
        keys = jax.random.split(rng)
        generator = self.generator.init(keys[0], jnp.zeros((1, self.latent_size)))
        discriminator = self.discriminator.init(keys[1], jnp.zeros((1, 3 * self.size**2)))
        return Variables({"generator": generator, "discriminator": discriminator}, state={})

    def objective(self, params, state, frozen, batch, context, /):
        fake = self.decode(params, state, self.latents(context.keys))
        real_logits = self.judge(params, state, to_signed(batch["target"]))
        fake_logits = self.judge(params, state, fake)
        losses = {
            "generator": hinge_generator(fake_logits),
            "discriminator": hinge_discriminator(real_logits, fake_logits),
        }
        signals = discriminator_diagnostics(Adversarial(), real_logits, fake_logits)
        return losses, Aux(state, metrics={}, signals=signals, generated=fake)

    def decode(self, params, state, latents, /):
        pixels = self.generator.apply(params["generator"], latents)
        return pixels.reshape(-1, self.size, self.size, 3)

    def judge(self, params, state, images, /):
        return self.discriminator.apply(params["discriminator"], images.reshape(len(images), -1))[
            :, 0
        ]


def build(config: ml_collections.ConfigDict) -> DenseGan:
    return DenseGan(config.data.size, config.generator.latent_size, config.generator.width)
