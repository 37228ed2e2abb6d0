"""CineGAN: a residual U-Net against two PatchGAN discriminators, at full and at half size."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

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
from cinegan_jax.families.api import Aux, Learned, PixelPairs, StepContext, Update, Variables
from cinegan_jax.families.config_checks import require_counts
from cinegan_jax.families.precision import dtype_of
from cinegan_jax.nets import spectral
from cinegan_jax.nets.patchgan import Discriminator
from cinegan_jax.nets.res_unet import Generator
from cinegan_jax.nets.vgg19 import PUBLISHED_LAYER, Features, load_vgg19, vgg19_shapes
from cinegan_jax.ops.images import half_size, to_signed
from cinegan_jax.ops.lut import fit_lut

PLAYERS = ("generator", "discriminator")

SCALES = ("full", "half")
"""The discriminators: `full` sees the pictures as they are, `half` at half their size."""

DISTANCES = ("feature_matching", "perceptual", "l1", "lab", "histogram")
"""The generator's terms that say how far its pictures are from their targets."""


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Factors of the generator's terms; a term of weight 0 is not computed."""

    adversarial: float = 1.0
    feature_matching: float = 10.0
    perceptual: float = 2.0
    total_variation: float = 0.0
    l1: float = 0.0
    lab: float = 0.0
    histogram: float = 0.0


PUBLISHED_GAME = Adversarial()


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of one set of pictures."""

    logits: jax.Array
    features: tuple[jax.Array, ...]


class CineGan:
    """The published system's family (see `GanFamily`): both players move from one forward pass.

    With more updates a step of one player than of the other, discriminators move first, then the
    generator, each from passes of its own.
    """

    learns_from: Learned = "pairs"
    averaged: tuple[str, ...] = ("generator",)

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        weights: LossWeights,
        vgg19_file: str,
        adversarial: Adversarial = PUBLISHED_GAME,
        perceptual_layers: Mapping[str, float] = MappingProxyType({PUBLISHED_LAYER: 1.0}),
    ):
        """`perceptual_layers`: weights of VGG19's layers; those of weight 0 are left out."""
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
        game = self.adversarial
        if game.together:
            yield Update(self.objective, PLAYERS)
        else:
            for player, repeats in (
                ("discriminator", game.discriminator_updates),
                ("generator", game.generator_updates),
            ):
                objective = functools.partial(self.objective, players=(player,))
                yield Update(objective, (player,), repeats)
        if game.r1:
            yield Update(self.r1_objective, ("discriminator",), every=game.r1_every, name="r1")

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Fresh networks; the shapes of `batch` fix nothing but are run through once."""
        keys = jax.random.split(rng, 5)
        photo = jnp.zeros(batch["input"].shape, jnp.float32)
        pair = jnp.concatenate([photo, photo], axis=-1)
        generator = self.generator.init(keys[0], photo)["params"]
        discriminators = {
            scale: self.discriminator.init(key, pair)["params"]
            for scale, key in zip(SCALES, keys[1:3], strict=True)
        }
        vectors = {
            "generator": spectral.init_spectral(keys[3], generator, Generator.spectral_layers),
            "discriminator": {
                scale: spectral.init_spectral(
                    key, discriminators[scale], Discriminator.spectral_layers
                )
                for scale, key in zip(SCALES, jax.random.split(keys[4]), strict=True)
            },
        }
        return Variables({"generator": generator, "discriminator": discriminators}, vectors)

    def fitted(self, pixels: Callable[[], PixelPairs], /) -> Mapping[str, Params]:
        """The generator's colour table, where it has one."""
        nodes = self.generator.colour_table
        if not nodes:
            return {}
        return {"generator": {"colour_table": fit_lut(*pixels(), nodes)}}

    def load_frozen(self) -> Any:
        """VGG19's weights, or nothing when no term needs them."""
        if not self.weights.perceptual:
            return None
        return load_vgg19(self.vgg19_file)

    def frozen_shapes(self) -> Any:
        """Shapes of VGG19's weights, or nothing when no term needs them."""
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
        """The losses of the players who move."""
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        vectors = advance(params, state, players)
        fake = self._generate(params, vectors, photo)
        shown = self._shown(photo, (target, fake), context)
        verdicts = {
            scale: self._judge(params, vectors, scale, pairs) for scale, pairs in shown.items()
        }
        terms: dict[str, Scalar] = {}
        wanted: dict[str, Scalar] = {}
        metrics: dict[str, Scalar] = {}
        if "generator" in players:
            terms = self._generator_terms(verdicts, target, fake, frozen)
            factors = dataclasses.asdict(self.weights)
            wanted["generator"] = sum(
                (factors[name] * term for name, term in terms.items()), jnp.zeros(())
            )
        if "discriminator" in players:
            discriminators = self._discriminators_losses(verdicts, context)
            wanted["discriminator"] = jnp.stack([*discriminators.values()]).sum()
            metrics = {f"discriminator_{scale}": loss for scale, loss in discriminators.items()}
        diagnostics = _diagnostics(params, vectors, verdicts, terms, self.adversarial)
        return wanted, Aux(vectors, terms | metrics, diagnostics, generated=fake)

    def r1_objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """R1 of both discriminators, times the steps from one such update to the next.

        A discriminator's verdict on an image is the mean of its patch logits. It is differentiated
        by the real target as that discriminator sees it (augmented, noisy, at its size); the photo
        beside it
        is held, as it is the condition and not a sample.
        """
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        penalties = []
        for scale, (seen, (real,)) in self._shown(photo, (target,), context).items():
            discriminator = self._discriminator(params, state, scale)

            def verdict(
                real: jax.Array, seen: jax.Array = seen, discriminator: Any = discriminator
            ) -> Scalar:
                return jnp.sum(jnp.mean(discriminator(seen, real).logits, axis=(1, 2, 3)))

            penalties.append(losses.squared_slope(jax.grad(verdict)(real)))
        game = self.adversarial
        loss = game.r1 / 2 * game.r1_every * jnp.stack(penalties).sum()
        return {"discriminator": loss}, Aux(state, {})

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """The generated pictures, signed [n, h, w, 3], with sigma folded into the kernels."""
        return self._generate(params, state, to_signed(batch["input"]))

    def _generate(self, params: Mapping[str, Params], vectors: Any, photo: jax.Array) -> jax.Array:
        kernels = spectral.normalize(params["generator"], vectors["generator"])
        return jnp.asarray(self.generator.apply({"params": kernels}, photo))

    def _shown(
        self, photo: jax.Array, pictures: Sequence[jax.Array], context: StepContext
    ) -> dict[str, tuple[jax.Array, list[jax.Array]]]:
        """What each discriminator sees: the photo, and the pictures that go with it."""
        game = self.adversarial
        photo, *pictures = (augmented(game, images, context) for images in (photo, *pictures))
        return {
            scale: (
                _at_scale(scale, photo),
                [noisy(game, _at_scale(scale, images), context, scale) for images in pictures],
            )
            for scale in SCALES
        }

    def _discriminator(
        self, params: Mapping[str, Params], vectors: Any, scale: str
    ) -> Callable[[jax.Array, jax.Array], DiscriminatorOutput]:
        """The discriminator as a function of photos and what goes with them."""
        kernels = spectral.normalize(
            params["discriminator"][scale], vectors["discriminator"][scale]
        )

        def judge(photo: jax.Array, images: jax.Array) -> DiscriminatorOutput:
            pair = jnp.concatenate([photo, images], axis=-1)
            return DiscriminatorOutput(*self.discriminator.apply({"params": kernels}, pair))

        return judge

    def _judge(
        self,
        params: Mapping[str, Params],
        vectors: Any,
        scale: str,
        shown: tuple[jax.Array, Sequence[jax.Array]],
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """One discriminator's verdicts on the real and on the generated pictures."""
        discriminator, (photo, (real, fake)) = self._discriminator(params, vectors, scale), shown
        return discriminator(photo, real), discriminator(photo, fake)

    def _discriminators_losses(
        self,
        verdicts: Mapping[str, tuple[DiscriminatorOutput, DiscriminatorOutput]],
        context: StepContext,
    ) -> dict[str, Scalar]:
        keys = stream(context.keys, "labels")
        return {
            scale: discriminator_loss(self.adversarial, real.logits, made.logits, keys)
            for scale, (real, made) in verdicts.items()
        }

    def _generator_terms(
        self,
        verdicts: Mapping[str, tuple[DiscriminatorOutput, DiscriminatorOutput]],
        target: jax.Array,
        fake: jax.Array,
        frozen: Any,
    ) -> dict[str, Scalar]:
        weights, pairs = self.weights, tuple(verdicts.values())
        terms: dict[str, Scalar] = {}
        if weights.adversarial:
            scores = [generator_loss(self.adversarial, made.logits) for _, made in pairs]
            terms["adversarial"] = jnp.stack(scores).mean()
        if weights.feature_matching:
            gaps = [losses.feature_matching(real.features, made.features) for real, made in pairs]
            terms["feature_matching"] = jnp.stack(gaps).mean()
        if weights.perceptual:
            terms["perceptual"] = self._perceptual(target, fake, frozen)
        if weights.total_variation:
            terms["total_variation"] = losses.total_variation(fake)
        if weights.l1:
            terms["l1"] = losses.l1(target, fake)
        if weights.lab:
            terms["lab"] = losses.lab(target, fake)
        if weights.histogram:
            terms["histogram"] = losses.histogram(target, fake)
        return terms

    def _perceptual(self, target: jax.Array, fake: jax.Array, frozen: Any) -> Scalar:
        layers = tuple(self.perceptual_layers)
        features = Features(frozen, self.generator.dtype, layers)
        wanted, found = jax.lax.stop_gradient(features(target)), features(fake)
        gaps = (
            weight * losses.perceptual(wanted[name], found[name])
            for name, weight in self.perceptual_layers.items()
        )
        return sum(gaps, jnp.zeros(()))


def build(config: ml_collections.ConfigDict) -> CineGan:
    """The family of `configs/default.py`.

    Raises:
      UserError: a key's value is wrong, or does not go with another one's.
    """
    dtype = dtype_of(config.precision)
    require_counts(config, "generator.width", "discriminator.width")
    if config.data.size < 8 or config.data.size % 8:
        raise UserError(
            f"config.data.size={config.data.size} must be a multiple of 8: the generator halves "
            "pictures three times"
        )
    return CineGan(
        Generator(**config.generator, dtype=dtype),
        Discriminator(**config.discriminator, dtype=dtype),
        LossWeights(**config.losses),
        config.vgg19_file,
        *_later_settings(config),
    )


def _later_settings(config: ml_collections.ConfigDict) -> Iterator[Any]:
    """Of sections that configs of older runs, which are read still, do not have."""
    if "adversarial" in config:
        yield Adversarial(**config.adversarial)
    if "perceptual_layers" in config:
        layers = config.perceptual_layers.to_dict()
        if config.losses.perceptual and not any(layers.values()):
            raise UserError(
                f"config.losses.perceptual={config.losses.perceptual} needs a weight that is not 0 "
                f"in config.perceptual_layers ({', '.join(layers)})"
            )
        yield layers


def advance(params: Mapping[str, Params], vectors: Any, players: Sequence[str]) -> Any:
    """One power iteration for each spectrally normalised kernel of the players who move."""
    moved = dict(vectors)
    if "generator" in players:
        moved["generator"] = spectral.power_iteration(params["generator"], vectors["generator"])
    if "discriminator" in players:
        moved["discriminator"] = {
            scale: spectral.power_iteration(
                params["discriminator"][scale], vectors["discriminator"][scale]
            )
            for scale in SCALES
        }
    return moved


def _diagnostics(
    params: Mapping[str, Params],
    vectors: Any,
    verdicts: Mapping[str, tuple[DiscriminatorOutput, DiscriminatorOutput]],
    terms: Mapping[str, Scalar],
    adversarial: Adversarial,
) -> dict[str, Scalar]:
    """What discriminators make of patches, singular values, and terms that are distances."""
    diagnostics = {f"level/{name}": term for name, term in terms.items() if name in DISTANCES}
    for scale, (real, made) in verdicts.items():
        diagnostics |= discriminator_diagnostics(adversarial, real.logits, made.logits, scale)
        sigmas = spectral.singular_values(
            params["discriminator"][scale], vectors["discriminator"][scale]
        )
        diagnostics |= {
            f"discriminator/sigma/{scale}/{layer}": sigma for layer, sigma in sigmas.items()
        }
    sigmas = spectral.singular_values(params["generator"], vectors["generator"])
    diagnostics |= {f"generator/sigma/{layer}": sigma for layer, sigma in sigmas.items()}
    return jax.lax.stop_gradient(diagnostics)


def _at_scale(scale: str, images: jax.Array) -> jax.Array:
    return half_size(images) if scale == "half" else images
