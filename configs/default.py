"""CineGAN's published training run, on however many devices there are.

docs/config.md has every key with its type, default, limits and meaning. The other files here change
what they need. Any key can be set on the command line: --config.batch_size=16,
--config.generator.width=32.
"""

import ml_collections

from cinegan_jax.config.load import default_config


def get_config() -> ml_collections.ConfigDict:
    """Return the published settings, which are the family's defaults."""
    return default_config("cinegan")
