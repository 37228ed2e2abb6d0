"""Families that generate images from latents, and whose discriminator and generator alternate."""

from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.adversarial import (
    augmented,
    discriminator_diagnostics,
    discriminator_loss,
    generator_loss,
    noisy,
    stream,
)
from cinegan_jax.families.alternating_config import BatchNormScope
from cinegan_jax.families.api import Aux, LatentFamily, StepContext, Update, Variables
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets.norms import ALONE, Replicas
from cinegan_jax.ops.images import to_signed


class AlternatingGan(LatentFamily):
    """One generator against one discriminator, updated in turn (arXiv 1406.2661).

    Each update has its own minibatch and latents. Real and generated images pass through the
    discriminator separately, so that batch norm normalises each by itself (Chintala et al., "How to
    train a GAN"). The running statistics of a player advance in its own updates: those of the
    discriminator at the real images, then at the generated ones.
    """

    averaged = ("generator",)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_size: int,
        adversarial: Adversarial,
        batch_norm: BatchNormScope = "global",
    ):
        """Keep the networks and settings; nothing is computed yet.

        Both modules have the collections `params` and `batch_stats`, and are called with an array
        and `Replicas`.

        Args:
          generator: latents [n, latent_size] to signed images [n, h, w, 3].
          discriminator: signed images to logits [n].
          latent_size: entries of a latent.
          adversarial: the losses and their stabilisers.
          batch_norm: the examples whose statistics batch norm uses in training.
        """
        self.generator = generator
        self.discriminator = discriminator
        self.latent_size = latent_size
        self.adversarial = adversarial
        self.batch_norm = batch_norm
        self.updates: tuple[Update, ...] = tuple(self._updates())

    def _updates(self) -> Iterator[Update]:
        settings = self.adversarial
        yield Update(
            self.discriminator_objective, ("discriminator",), settings.discriminator_updates
        )
        yield Update(self.generator_objective, ("generator",), settings.generator_updates)
        if settings.r1:
            yield Update(self.r1_objective, ("discriminator",), every=settings.r1_every, name="r1")

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Return fresh networks for images of the size in `batch`, and their running statistics."""
        latents = jnp.zeros((1, self.latent_size))
        images = jnp.zeros((1, *batch["target"].shape[1:]))
        keys = jax.random.split(rng)
        players = {
            "generator": self.generator.init(keys[0], latents),
            "discriminator": self.discriminator.init(keys[1], images),
        }
        params, state = (
            {player: variables[part] for player, variables in players.items()}
            for part in ("params", "batch_stats")
        )
        return Variables(params, state)

    def discriminator_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Return the discriminator's loss for real and for generated images."""
        real = to_signed(batch["target"])
        fake, _ = self._generate_in_training(params, state, context)
        real_logits, statistics = self._judge_in_training(
            params["discriminator"], state["discriminator"], real, context
        )
        fake_logits, statistics = self._judge_in_training(
            params["discriminator"], statistics, fake, context
        )
        loss = discriminator_loss(
            self.adversarial, real_logits, fake_logits, stream(context.keys, "labels")
        )
        diagnostics = discriminator_diagnostics(self.adversarial, real_logits, fake_logits)
        return {"discriminator": loss}, Aux(
            {**state, "discriminator": statistics}, {}, diagnostics, generated=fake
        )

    def generator_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Return the generator's loss: its images should be classified as real."""
        fake, statistics = self._generate_in_training(params, state, context)
        logits, _ = self._judge_in_training(
            params["discriminator"], state["discriminator"], fake, context
        )
        loss = generator_loss(self.adversarial, logits)
        return {"generator": loss}, Aux({**state, "generator": statistics}, {}, generated=fake)

    def r1_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Return R1 of the discriminator, multiplied by the steps between two such updates.

        Under batch norm an image also changes the logits of others. The gradient of an image is
        that of the sum of all logits, so these changes are part of it.
        """

        def score(real: jax.Array) -> Scalar:
            logits, _ = self._logits(params["discriminator"], state["discriminator"], real, context)
            return jnp.sum(logits)

        gradients = jax.grad(score)(self._stabilised(to_signed(batch["target"]), context))
        settings = self.adversarial
        loss = settings.r1 / 2 * settings.r1_every * losses.squared_slope(gradients)
        return {"discriminator": loss}, Aux(state, {})

    def generator_variables(self, params: Mapping[str, Params], state: Any, /) -> dict[str, Any]:
        """Return the generator's parameters and running statistics."""
        return {"params": params["generator"], "batch_stats": state["generator"]}

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        """See `LatentFamily`."""
        return jnp.asarray(self.generator.apply(self.generator_variables(params, state), latents))

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        """See `LatentFamily`."""
        variables = {"params": params["discriminator"], "batch_stats": state["discriminator"]}
        return jnp.asarray(self.discriminator.apply(variables, images))

    def _generate_in_training(
        self, params: Mapping[str, Params], state: Any, context: StepContext
    ) -> tuple[jax.Array, Any]:
        """Return images of the context's latents, and the generator's statistics after them."""
        latents = self.latents(stream(context.keys, "latents"))
        return _apply_in_training(
            self.generator,
            params["generator"],
            state["generator"],
            latents,
            self._replicas(context),
        )

    def _judge_in_training(
        self, params: Params, statistics: Any, images: jax.Array, context: StepContext
    ) -> tuple[jax.Array, Any]:
        """Return logits of stabilised images, and the discriminator's statistics after them."""
        return self._logits(params, statistics, self._stabilised(images, context), context)

    def _logits(
        self, params: Params, statistics: Any, images: jax.Array, context: StepContext
    ) -> tuple[jax.Array, Any]:
        return _apply_in_training(
            self.discriminator, params, statistics, images, self._replicas(context)
        )

    def _stabilised(self, images: jax.Array, context: StepContext) -> jax.Array:
        """Return the images augmented and with noise, as the settings say."""
        return noisy(
            self.adversarial, augmented(self.adversarial, images, context), context, "full"
        )

    def _replicas(self, context: StepContext) -> Replicas:
        """Return the replicas whose statistics batch norm averages."""
        if self.batch_norm == "replica":
            return ALONE
        return Replicas(context.average, context.replicas)


def _apply_in_training(
    network: nn.Module, params: Params, statistics: Any, x: jax.Array, replicas: Replicas
) -> tuple[jax.Array, Any]:
    """Return a network's output, normalised by its input's statistics, and the running ones."""
    variables = {"params": params, "batch_stats": statistics}
    result, after = network.apply(variables, x, replicas, mutable=["batch_stats"])
    return jnp.asarray(result), after["batch_stats"]
