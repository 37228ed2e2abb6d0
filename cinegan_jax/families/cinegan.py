"""CineGAN: a residual U-Net against two PatchGAN discriminators, at full and at half size."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.core.types import Batch, Images, Params, Scalar
from cinegan_jax.families.adversarial import stream
from cinegan_jax.families.api import Aux, Learned, PixelPairs, StepContext, Update, Variables
from cinegan_jax.families.cinegan_config import PERCEPTUAL_LAYERS, LossWeights
from cinegan_jax.families.cinegan_discriminators import (
    DISCRIMINATOR_SCALES,
    PLAYERS,
    advance,
    discriminator_at,
    discriminator_inputs,
    discriminator_outputs,
)
from cinegan_jax.families.cinegan_terms import (
    cinegan_diagnostics,
    discriminator_losses,
    generator_terms,
    weighted_sum,
)
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets import spectral
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.nets.vgg19 import Features, load_vgg19, vgg19_shapes
from cinegan_jax.ops.images import to_signed
from cinegan_jax.ops.lut import fit_lut

PUBLISHED_ADVERSARIAL = Adversarial()


class CineGan:
    """The published system (see `GanFamily`): both players move from one forward pass.

    With more updates per step of one player than of the other, the discriminators move first, then
    the generator, each from forward passes of its own.
    """

    learns_from: Learned = "pairs"
    averaged: tuple[str, ...] = ("generator",)

    def __init__(
        self,
        generator: ResUnetGenerator,
        discriminator: PatchDiscriminator,
        weights: LossWeights,
        vgg19_file: str,
        adversarial: Adversarial = PUBLISHED_ADVERSARIAL,
        perceptual_layers: Mapping[str, float] = PERCEPTUAL_LAYERS,
    ):
        """Keep the networks and settings; nothing is read or computed yet.

        Args:
          generator: photos to images.
          discriminator: the module of both discriminators.
          weights: of the generator's loss terms.
          vgg19_file: read only if the perceptual term has a weight.
          adversarial: the adversarial loss and its stabilisers.
          perceptual_layers: weights of VGG19's layers; those of weight 0 are left out.
        """
        self.generator = generator
        self.discriminator = discriminator
        self.weights = weights
        self.vgg19_file = vgg19_file
        self.adversarial = adversarial
        self.perceptual_layers = {
            name: weight for name, weight in perceptual_layers.items() if weight
        }
        self.updates: tuple[Update, ...] = tuple(self._updates())

    def _updates(self) -> Iterator[Update]:
        settings = self.adversarial
        if settings.simultaneous:
            yield Update(self.objective, PLAYERS)
        else:
            for player, repeats in (
                ("discriminator", settings.discriminator_updates),
                ("generator", settings.generator_updates),
            ):
                objective = functools.partial(self.objective, players=(player,))
                yield Update(objective, (player,), repeats)
        if settings.r1:
            yield Update(self.r1_objective, ("discriminator",), every=settings.r1_every, name="r1")

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Return fresh networks; the shapes of `batch` are used for tracing alone."""
        keys = jax.random.split(rng, 5)
        photo = jnp.zeros(batch["input"].shape, jnp.float32)
        pair = jnp.concatenate([photo, photo], axis=-1)
        generator = self.generator.init(keys[0], photo)["params"]
        discriminators = {
            scale: self.discriminator.init(key, pair)["params"]
            for scale, key in zip(DISCRIMINATOR_SCALES, keys[1:3], strict=True)
        }
        vectors = {
            "generator": spectral.init_spectral(
                keys[3], generator, ResUnetGenerator.spectral_layers
            ),
            "discriminator": {
                scale: spectral.init_spectral(
                    key, discriminators[scale], PatchDiscriminator.spectral_layers
                )
                for scale, key in zip(DISCRIMINATOR_SCALES, jax.random.split(keys[4]), strict=True)
            },
        }
        return Variables({"generator": generator, "discriminator": discriminators}, vectors)

    def fitted(self, pixels: Callable[[], PixelPairs], /) -> Mapping[str, Params]:
        """Return the generator's colour table, if it has one, fitted to the training pairs."""
        nodes = self.generator.colour_table
        if not nodes:
            return {}
        return {"generator": {"colour_table": fit_lut(*pixels(), nodes)}}

    def load_frozen(self) -> Any:
        """Return VGG19's weights, or None if no term needs them."""
        if not self.weights.perceptual:
            return None
        return load_vgg19(self.vgg19_file)

    def frozen_shapes(self) -> Any:
        """Return the shapes of VGG19's weights, or None if no term needs them."""
        return vgg19_shapes() if self.weights.perceptual else None

    def objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
        players: Sequence[str] = PLAYERS,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Return the losses of the players that move."""
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        vectors = advance(params, state, players)
        fake = self._generate(params, vectors, photo)
        inputs = discriminator_inputs(self.adversarial, photo, (target, fake), context)
        outputs = discriminator_outputs(inputs, self.discriminator, params, vectors)
        terms: dict[str, Scalar] = {}
        player_losses: dict[str, Scalar] = {}
        metrics: dict[str, Scalar] = {}
        if "generator" in players:
            perceptual = functools.partial(self.perceptual_distance, frozen)
            terms = generator_terms(
                self.weights, self.adversarial, outputs, target, fake, perceptual
            )
            player_losses["generator"] = weighted_sum(self.weights, terms)
        if "discriminator" in players:
            keys = stream(context.keys, "labels")
            by_scale = discriminator_losses(self.adversarial, outputs, keys)
            player_losses["discriminator"] = jnp.stack([*by_scale.values()]).sum()
            metrics = {f"discriminator_{scale}": loss for scale, loss in by_scale.items()}
        diagnostics = cinegan_diagnostics(params, vectors, outputs, terms, self.adversarial)
        return player_losses, Aux(vectors, terms | metrics, diagnostics, generated=fake)

    def r1_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Return R1 of both discriminators, multiplied by the steps between two such updates.

        A discriminator's score of an image is the mean of its patch logits. The gradient is by the
        real target as that discriminator receives it: augmented, noisy, at its size. The photo
        beside it is held constant, since it is the condition and not a sample.
        """
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        settings, penalties = self.adversarial, []
        inputs = discriminator_inputs(settings, photo, (target,), context)
        for scale, (condition, (real,)) in inputs.items():
            discriminator = discriminator_at(scale, self.discriminator, params, state)

            def score(
                real: jax.Array, condition: jax.Array = condition, judge: Any = discriminator
            ) -> Scalar:
                return jnp.sum(jnp.mean(judge(condition, real).logits, axis=(1, 2, 3)))

            penalties.append(losses.squared_slope(jax.grad(score)(real)))
        loss = settings.r1 / 2 * settings.r1_every * jnp.stack(penalties).sum()
        return {"discriminator": loss}, Aux(state, {})

    def generator_variables(self, params: Mapping[str, Params], state: Any, /) -> dict[str, Any]:
        """Return the generator's parameters with sigma folded into the kernels."""
        return {"params": spectral.normalize(params["generator"], state["generator"])}

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Return generated images, signed [n, h, w, 3], with sigma folded into the kernels."""
        return self._generate(params, state, to_signed(batch["input"]))

    def perceptual_distance(self, frozen: Any, target: jax.Array, fake: jax.Array) -> Scalar:
        """Return the weighted distance of VGG19's features of signed images [n, h, w, 3]."""
        features = Features(frozen, self.generator.dtype, tuple(self.perceptual_layers))
        of_target, of_fake = jax.lax.stop_gradient(features(target)), features(fake)
        gaps = (
            weight * losses.perceptual(of_target[name], of_fake[name])
            for name, weight in self.perceptual_layers.items()
        )
        return sum(gaps, jnp.zeros(()))

    def _generate(self, params: Mapping[str, Params], vectors: Any, photo: jax.Array) -> jax.Array:
        return jnp.asarray(self.generator.apply(self.generator_variables(params, vectors), photo))
