"""DCGAN with one more layer in each network, at 128x128 pixels.

Command:  python -m cinegan_jax.main --config=configs/dcgan_128.py --workdir=WORKDIR \\
            --config.data.path=FOLDER
Hardware: one GPU or TPU
Time:     not measured
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return a generator of width 160, a discriminator of width 40, and batch 64."""
    c = load_config("dcgan_64")
    c.batch_size = 64
    c.data.size = 128
    c.generator.width = 160
    c.discriminator.width = 40
    return c
