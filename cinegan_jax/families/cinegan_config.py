"""CineGAN's config, and the family built from it. JAX waits until it is built."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinegan_jax.config.run import PairRunConfig, RunConfig
from cinegan_jax.config.schema import Section, key, section, with_default
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets.settings import PatchDiscriminatorSettings, ResUnetSettings

if TYPE_CHECKING:
    from cinegan_jax.families.cinegan import CineGan

SIZE_STEP = 8
"""The generator halves images three times."""

_CONVOLUTIONS = (2, 2, 4, 2)  # per block of VGG19, up to block4_conv2
_LAYERS = [
    f"block{block}_conv{i}"
    for block, convolutions in enumerate(_CONVOLUTIONS, start=1)
    for i in range(1, convolutions + 1)
]
PERCEPTUAL_LAYERS: Mapping[str, float] = {**dict.fromkeys(_LAYERS, 0.0), "block4_conv2": 1.0}
"""Weights of VGG19's layers as published."""


@dataclass(frozen=True)
class LossWeights(Section):
    """Weights of the generator's loss terms; a term of weight 0 is not computed."""

    adversarial: float = key(1.0, "The adversarial loss.", at_least=0)
    feature_matching: float = key(
        10.0, "Distance of the discriminators' features (pix2pixHD).", at_least=0
    )
    perceptual: float = key(2.0, "Distance of VGG19's features; needs `vgg19_file`.", at_least=0)
    total_variation: float = key(0.0, "Total variation of the output.", at_least=0)
    l1: float = key(0.0, "Mean absolute difference, in signed range.", at_least=0)
    lab: float = key(
        0.0, "Delta E 76, rounded off at zero; 1 weighs about as much as 70 of `l1`.", at_least=0
    )
    histogram: float = key(
        0.0, "Wasserstein-1 distance of each channel's values, wherever they are.", at_least=0
    )


@dataclass(frozen=True)
class CineGanConfig(PairRunConfig):
    """The keys of a run of CineGAN; the values are those of its published training run."""

    family: str = with_default(RunConfig, "family", "cinegan")
    generator: ResUnetSettings = section(ResUnetSettings())
    discriminator: PatchDiscriminatorSettings = section(PatchDiscriminatorSettings())
    adversarial: Adversarial = section(Adversarial())
    losses: LossWeights = section(LossWeights())
    vgg19_file: str = key(
        "vgg19.safetensors", "File made by `cinegan convert vgg19`; local or gs://."
    )
    perceptual_layers: Mapping[str, float] = key(
        PERCEPTUAL_LAYERS, "Weights of VGG19's layers; 0: left out.", at_least=0
    )

    def broken_rules(self, at: str) -> Iterator[str]:
        yield from super().broken_rules(at)
        if self.data.size % SIZE_STEP:
            yield (
                f"{at}data.size={self.data.size} must be a multiple of {SIZE_STEP}: the generator "
                "halves images three times"
            )
        if self.losses.perceptual and not any(self.perceptual_layers.values()):
            yield (
                f"{at}losses.perceptual={self.losses.perceptual} needs a weight that is not 0 in "
                f"{at}perceptual_layers ({', '.join(self.perceptual_layers)})"
            )
        if not any(vars(self.losses).values()):
            yield f"{at}losses has no weight that is not 0, so the generator has nothing to learn"


def build(config: CineGanConfig) -> "CineGan":
    """Return the family of a valid config."""
    from cinegan_jax.families.api import activation_dtype
    from cinegan_jax.families.cinegan import CineGan
    from cinegan_jax.nets.patchgan import PatchDiscriminator
    from cinegan_jax.nets.res_unet import ResUnetGenerator

    dtype = activation_dtype(config.precision)
    return CineGan(
        ResUnetGenerator(**vars(config.generator), dtype=dtype),
        PatchDiscriminator(**vars(config.discriminator), dtype=dtype),
        config.losses,
        config.vgg19_file,
        config.adversarial,
        config.perceptual_layers,
    )
