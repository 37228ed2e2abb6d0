"""DCGAN with one more layer in each network, at 128x128 pixels.

Command:  python -m cinegan_jax.main --config=configs/dcgan_128.py --workdir=WORKDIR \\
            --config.data.path=FOLDER
Hardware: one GPU or TPU
Time:     not measured
Score:    not measured
"""

import ml_collections

from configs import dcgan_64


def get_config() -> ml_collections.ConfigDict:
    """A generator of 160 feature maps against a discriminator of 40, batch 64."""
    c = dcgan_64.get_config()
    c.batch_size = 64
    c.data.size = 128
    c.generator.width = 160
    c.discriminator.width = 40
    return c
