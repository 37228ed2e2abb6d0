"""The image GAN that Keras tutorials start from: its config, and the family built from it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cinegan_jax.config.run import RunConfig
from cinegan_jax.config.schema import key, with_default
from cinegan_jax.families.alternating_config import AlternatingConfig

if TYPE_CHECKING:
    from cinegan_jax.families.alternating import AlternatingGan


@dataclass(frozen=True)
class ImageGanConfig(AlternatingConfig):
    """The keys of a run of the image GAN."""

    family: str = with_default(RunConfig, "family", "image_gan")
    capacity: int = key(
        16, "Channels of the discriminator's first block and of the generator's last.", at_least=1
    )


def build(config: ImageGanConfig) -> "AlternatingGan":
    """Return the family of a valid config."""
    from cinegan_jax.families.alternating import AlternatingGan
    from cinegan_jax.families.api import activation_dtype
    from cinegan_jax.nets.image_gan import ImageGanDiscriminator, ImageGanGenerator

    dtype = activation_dtype(config.precision)
    return AlternatingGan(
        ImageGanGenerator(config.data.size, config.capacity, dtype),
        ImageGanDiscriminator(config.capacity, dtype),
        config.generator.latent_size,
        config.adversarial,
        config.batch_norm,
    )
