"""Families that make pictures of latents, and whose discriminator and generator move in turn."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from cinegan_jax import losses
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.adversarial import (
    Adversarial,
    augmented,
    discriminator_diagnostics,
    discriminator_loss,
    generator_loss,
    noisy,
    stream,
)
from cinegan_jax.families.api import Aux, LatentFamily, StepContext, Update, Variables
from cinegan_jax.families.config_checks import require_counts
from cinegan_jax.nets.layers import SMALLEST_MAP
from cinegan_jax.nets.norms import ALONE, Replicas
from cinegan_jax.ops.images import to_signed

Statistics = Literal["global", "replica"]
"""What batch norm takes its statistics of in training: the whole batch, or a replica's part."""


class AlternatingGan(LatentFamily):
    """One generator against one discriminator, which move in turn (arXiv 1406.2661).

    Each update has a minibatch and latents of its own. Real and generated pictures go through the
    discriminator one after the other, so that batch norm sees them apart (Chintala et al., "How to
    train a
    GAN"). A player's running statistics advance where it moves: those of the discriminator at real
    images
    and then at the generated ones.
    """

    averaged = ("generator",)

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_size: int,
        adversarial: Adversarial,
        statistics: Statistics = "global",
    ):
        """Modules with collections `params` and `batch_stats`, called with an array and `Replicas`.

        Args:
          generator: latents [n, latent_size] to signed pictures [n, h, w, 3].
          discriminator: signed pictures to logits [n].
          latent_size: entries of a latent.
          adversarial: the losses between them, and what keeps the game stable.
          statistics: see `Statistics`.
        """
        self.generator = generator
        self.discriminator = discriminator
        self.latent_size = latent_size
        self.adversarial = adversarial
        self.statistics = statistics
        self.updates: tuple[Update, ...] = tuple(self._updates())

    def _updates(self) -> Iterator[Update]:
        game = self.adversarial
        yield Update(self.discriminator_objective, ("discriminator",), game.discriminator_updates)
        yield Update(self.generator_objective, ("generator",), game.generator_updates)
        if game.r1:
            yield Update(self.r1_objective, ("discriminator",), every=game.r1_every, name="r1")

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Fresh networks for pictures of the size in `batch`, and their running statistics."""
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
        """The discriminator's loss of real pictures and of generated ones."""
        real = to_signed(batch["target"])
        fake, _ = self._made(params, state, context)
        real_logits, seen = self._judged(
            params["discriminator"], state["discriminator"], real, context
        )
        fake_logits, seen = self._judged(params["discriminator"], seen, fake, context)
        loss = discriminator_loss(
            self.adversarial, real_logits, fake_logits, stream(context.keys, "labels")
        )
        diagnostics = discriminator_diagnostics(self.adversarial, real_logits, fake_logits)
        return {"discriminator": loss}, Aux(
            {**state, "discriminator": seen}, {}, diagnostics, generated=fake
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
        """The generator's loss: what the discriminator makes of its pictures."""
        fake, seen = self._made(params, state, context)
        logits, _ = self._judged(params["discriminator"], state["discriminator"], fake, context)
        loss = generator_loss(self.adversarial, logits)
        return {"generator": loss}, Aux({**state, "generator": seen}, {}, generated=fake)

    def r1_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """R1 of the discriminator, times the steps from one such update to the next.

        Batch norm lets a picture move the logits of others: a picture's slope is that of the sum of
        all logits, in which theirs have a part.
        """

        def verdict(real: jax.Array) -> Scalar:
            return jnp.sum(
                self._logits(params["discriminator"], state["discriminator"], real, context)[0]
            )

        slopes = jax.grad(verdict)(self._seen(to_signed(batch["target"]), context))
        game = self.adversarial
        loss = game.r1 / 2 * game.r1_every * losses.squared_slope(slopes)
        return {"discriminator": loss}, Aux(state, {})

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        """See `LatentFamily`."""
        variables = {"params": params["generator"], "batch_stats": state["generator"]}
        return jnp.asarray(self.generator.apply(variables, latents))

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        """See `LatentFamily`."""
        variables = {"params": params["discriminator"], "batch_stats": state["discriminator"]}
        return jnp.asarray(self.discriminator.apply(variables, images))

    def _made(
        self, params: Mapping[str, Params], state: Any, context: StepContext
    ) -> tuple[jax.Array, Any]:
        """Pictures of latents of the context, and the generator's statistics after them."""
        latents = self.latents(stream(context.keys, "latents"))
        return _trained(
            self.generator, params["generator"], state["generator"], latents, self._over(context)
        )

    def _judged(
        self, params: Params, statistics: Any, images: jax.Array, context: StepContext
    ) -> tuple[jax.Array, Any]:
        """Logits of pictures as the discriminator sees them, and its statistics after them."""
        return self._logits(params, statistics, self._seen(images, context), context)

    def _logits(
        self, params: Params, statistics: Any, seen: jax.Array, context: StepContext
    ) -> tuple[jax.Array, Any]:
        return _trained(self.discriminator, params, statistics, seen, self._over(context))

    def _seen(self, images: jax.Array, context: StepContext) -> jax.Array:
        """Augmented and noisy, where the game says so."""
        return noisy(
            self.adversarial, augmented(self.adversarial, images, context), context, "full"
        )

    def _over(self, context: StepContext) -> Replicas:
        """What batch norm takes its statistics over."""
        if self.statistics == "replica":
            return ALONE
        return Replicas(context.average, context.replicas)


def build(
    config: ml_collections.ConfigDict, generator: nn.Module, discriminator: nn.Module
) -> AlternatingGan:
    """The game of such a config between two networks that have `feature_maps`.

    Raises:
      UserError: a key's value is wrong, or does not go with another one's.
    """
    require_counts(config, "generator.latent_size")
    size = config.data.size
    if size < 2 * SMALLEST_MAP or size & (size - 1):
        raise UserError(
            f"config.data.size={size} must be a power of two, {2 * SMALLEST_MAP} or more: family "
            f"{config.family!r} doubles {SMALLEST_MAP}x{SMALLEST_MAP} up to it"
        )
    if config.spatial != 1:
        raise UserError(
            f"spatial={config.spatial} splits the rows of large pictures; family "
            f"{config.family!r} has maps of {SMALLEST_MAP} rows, so set config.spatial=1"
        )
    if config.batch_norm not in get_args(Statistics):
        raise UserError(
            f"config.batch_norm={config.batch_norm!r} is not one of "
            f"{', '.join(get_args(Statistics))}"
        )
    if config.batch_norm == "replica" and config.parallelism != "pmap":
        raise UserError(
            f"config.batch_norm='replica' needs config.parallelism='pmap', not "
            f"{config.parallelism!r}, under which the batch is one; choose batch_norm='global'"
        )
    return AlternatingGan(
        generator,
        discriminator,
        config.generator.latent_size,
        Adversarial(**config.adversarial),
        config.batch_norm,
    )


def _trained(
    network: nn.Module, params: Params, statistics: Any, x: jax.Array, replicas: Replicas
) -> tuple[jax.Array, Any]:
    """A network's result by the statistics of its input, and its running ones after it."""
    variables = {"params": params, "batch_stats": statistics}
    result, after = network.apply(variables, x, replicas, mutable=["batch_stats"])
    return jnp.asarray(result), after["batch_stats"]
