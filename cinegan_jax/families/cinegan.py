"""CineGAN: a residual U-Net against two PatchGAN critics, at full and at half size."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.families.api import Aux, PixelPairs, Update, Variables
from cinegan_jax.nets import spectral
from cinegan_jax.nets.patchgan import Discriminator
from cinegan_jax.nets.res_unet import Generator
from cinegan_jax.nets.vgg19 import Features, load_vgg19, weight_shapes
from cinegan_jax.ops.images import half_size, to_signed
from cinegan_jax.ops.lut import fit_lut
from cinegan_jax.types import Batch, Images, Params, Scalar

SCALES = ("full", "half")
"""The critics: `full` sees the pictures as they are, `half` at half their size."""

DISTANCES = ("feature_matching", "perceptual", "l1")
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


class Verdict(NamedTuple):
    """What a critic says of one set of pictures."""

    logits: jax.Array
    features: tuple[jax.Array, ...]


class CineGan:
    """The published system's family (see `GanFamily`): both players move from one forward pass."""

    averaged: tuple[str, ...] = ("generator",)

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        weights: LossWeights,
        vgg19_file: str,
    ):
        self.generator = generator
        self.discriminator = discriminator
        self.weights = weights
        self.vgg19_file = vgg19_file
        self.updates: tuple[Update, ...] = (
            Update(self.objective, players=("generator", "critics")),
        )

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Fresh networks; the shapes of `batch` fix nothing but are run through once."""
        keys = jax.random.split(rng, 5)
        photo = jnp.zeros(batch["input"].shape, jnp.float32)
        pair = jnp.concatenate([photo, photo], axis=-1)
        generator = self.generator.init(keys[0], photo)["params"]
        critics = {
            scale: self.discriminator.init(key, pair)["params"]
            for scale, key in zip(SCALES, keys[1:3], strict=True)
        }
        vectors = {
            "generator": spectral.init_spectral(keys[3], generator, Generator.spectral_layers),
            "critics": {
                scale: spectral.init_spectral(key, critics[scale], Discriminator.spectral_layers)
                for scale, key in zip(SCALES, jax.random.split(keys[4]), strict=True)
            },
        }
        return Variables({"generator": generator, "critics": critics}, vectors)

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
        return weight_shapes() if self.weights.perceptual else None

    def objective(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        rng: jax.Array,
        /,
    ) -> tuple[Mapping[str, Scalar], Aux]:
        """Both players' losses. `rng` is unused: nothing in this family is random."""
        photo, target = to_signed(batch["input"]), to_signed(batch["target"])
        vectors = _advance(params, state)
        fake = self._generate(params, vectors, photo)
        verdicts = {
            scale: self._judge(
                spectral.normalize(params["critics"][scale], vectors["critics"][scale]),
                *(_at_scale(scale, images) for images in (photo, target, fake)),
            )
            for scale in SCALES
        }
        critics = {
            scale: losses.hinge_critic(real.logits, generated.logits)
            for scale, (real, generated) in verdicts.items()
        }
        terms = self._generator_terms(verdicts, target, fake, frozen)
        factors = dataclasses.asdict(self.weights)
        total = sum((factors[name] * term for name, term in terms.items()), jnp.zeros(()))
        metrics = terms | {f"critic_{scale}": loss for scale, loss in critics.items()}
        return {"generator": total, "critics": jnp.stack([*critics.values()]).sum()}, Aux(
            vectors, metrics, _signals(params, vectors, verdicts, terms), generated=fake
        )

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """The generated pictures, signed [n, h, w, 3], with sigma folded into the kernels."""
        return self._generate(params, state, to_signed(batch["input"]))

    def _generate(self, params: Mapping[str, Params], vectors: Any, photo: jax.Array) -> jax.Array:
        kernels = spectral.normalize(params["generator"], vectors["generator"])
        return jnp.asarray(self.generator.apply({"params": kernels}, photo))

    def _judge(
        self, critic: Params, photo: Images, target: Images, fake: Images
    ) -> tuple[Verdict, Verdict]:
        def judge(images: Images) -> Verdict:
            pair = jnp.concatenate([photo, images], axis=-1)
            return Verdict(*self.discriminator.apply({"params": critic}, pair))

        return judge(target), judge(fake)

    def _generator_terms(
        self,
        verdicts: Mapping[str, tuple[Verdict, Verdict]],
        target: jax.Array,
        fake: jax.Array,
        frozen: Any,
    ) -> dict[str, Scalar]:
        weights, pairs = self.weights, tuple(verdicts.values())
        terms: dict[str, Scalar] = {}
        if weights.adversarial:
            scores = [losses.hinge_generator(made.logits) for _, made in pairs]
            terms["adversarial"] = jnp.stack(scores).mean()
        if weights.feature_matching:
            gaps = [losses.feature_matching(real.features, made.features) for real, made in pairs]
            terms["feature_matching"] = jnp.stack(gaps).mean()
        if weights.perceptual:
            features = Features(frozen, dtype=self.generator.dtype)
            wanted = jax.lax.stop_gradient(features(target))
            terms["perceptual"] = losses.perceptual(wanted, features(fake))
        if weights.total_variation:
            terms["total_variation"] = losses.total_variation(fake)
        if weights.l1:
            terms["l1"] = losses.l1(target, fake)
        if weights.lab:
            terms["lab"] = losses.lab(target, fake)
        if weights.histogram:
            terms["histogram"] = losses.histogram(target, fake)
        return terms


def _advance(params: Mapping[str, Params], vectors: Any) -> Any:
    """One power iteration for each spectrally normalised kernel."""
    return {
        "generator": spectral.power_iteration(params["generator"], vectors["generator"]),
        "critics": {
            scale: spectral.power_iteration(params["critics"][scale], vectors["critics"][scale])
            for scale in SCALES
        },
    }


def _signals(
    params: Mapping[str, Params],
    vectors: Any,
    verdicts: Mapping[str, tuple[Verdict, Verdict]],
    terms: Mapping[str, Scalar],
) -> dict[str, Scalar]:
    """Shares of patches judged right, mean margins, singular values, and terms that are distances.

    A margin is how far a logit lies on its right side of 0; hinge losses ask for 1.
    """
    signals = {f"level/{name}": term for name, term in terms.items() if name in DISTANCES}
    for scale, (real, made) in verdicts.items():
        for kind, margin in {"real": real.logits, "fake": -made.logits}.items():
            signals[f"critics/accuracy_{kind}_{scale}"] = (margin > 0).astype(jnp.float32).mean()
            signals[f"critics/margin_{kind}_{scale}"] = margin.mean()
        sigmas = spectral.singular_values(params["critics"][scale], vectors["critics"][scale])
        signals |= {f"critics/sigma/{scale}/{layer}": sigma for layer, sigma in sigmas.items()}
    sigmas = spectral.singular_values(params["generator"], vectors["generator"])
    signals |= {f"generator/sigma/{layer}": sigma for layer, sigma in sigmas.items()}
    return jax.lax.stop_gradient(signals)


def _at_scale(scale: str, images: jax.Array) -> jax.Array:
    return half_size(images) if scale == "half" else images
