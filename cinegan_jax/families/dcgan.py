"""DCGAN (Radford et al., arXiv 1511.06434): its config, and the family built from it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinegan_jax.config.run import LatentGeneratorSettings, RunConfig
from cinegan_jax.config.schema import Section, key, section, with_default
from cinegan_jax.families.alternating_config import AlternatingConfig

if TYPE_CHECKING:
    from cinegan_jax.families.alternating import AlternatingGan


@dataclass(frozen=True)
class DcganGeneratorSettings(LatentGeneratorSettings):
    """The generator."""

    width: int = key(
        100,
        "Feature maps at half the size of the images; each time the size halves, they double.",
        at_least=1,
    )


@dataclass(frozen=True)
class DcganDiscriminatorSettings(Section):
    """The discriminator."""

    width: int = key(100, "The same for the discriminator.", at_least=1)


@dataclass(frozen=True)
class DcganConfig(AlternatingConfig):
    """The keys of a run of DCGAN."""

    family: str = with_default(RunConfig, "family", "dcgan")
    generator: DcganGeneratorSettings = section(DcganGeneratorSettings())
    discriminator: DcganDiscriminatorSettings = section(DcganDiscriminatorSettings())


def build(config: DcganConfig) -> "AlternatingGan":
    """Return the family of a valid config."""
    from cinegan_jax.families.alternating import AlternatingGan
    from cinegan_jax.families.api import activation_dtype
    from cinegan_jax.nets.dcgan import DcganDiscriminator, DcganGenerator

    dtype = activation_dtype(config.precision)
    return AlternatingGan(
        DcganGenerator(config.data.size, config.generator.width, dtype),
        DcganDiscriminator(config.discriminator.width, dtype),
        config.generator.latent_size,
        config.adversarial,
        config.batch_norm,
    )
