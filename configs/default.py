"""The keys of every run and those of CineGAN; the values are its published training run.

The other files here change what they need, and add the keys of other families. On the command
line: --config.batch_size=16, --config.generator.width=32.
"""

import ml_collections

from cinegan_jax.config.run import of_latents, published

__all__ = ["get_config", "of_latents"]


def get_config() -> ml_collections.ConfigDict:
    """The published system, on however many devices there are."""
    return published()
