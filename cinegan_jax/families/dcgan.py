"""DCGAN (Radford et al., arXiv 1511.06434)."""

import ml_collections

from cinegan_jax.families import alternating
from cinegan_jax.families.alternating import AlternatingGan
from cinegan_jax.families.config_checks import require_counts
from cinegan_jax.families.precision import dtype_of
from cinegan_jax.nets.dcgan import Discriminator, Generator


def build(config: ml_collections.ConfigDict) -> AlternatingGan:
    """The family of `configs/dcgan_64.py`.

    Raises:
      UserError: a key's value is wrong, or does not go with another one's.
    """
    require_counts(config, "generator.width", "discriminator.width")
    dtype = dtype_of(config.precision)
    generator = Generator(config.data.size, config.generator.width, dtype)
    return alternating.build(config, generator, Discriminator(config.discriminator.width, dtype))
