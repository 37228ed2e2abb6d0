"""The image GAN that Keras tutorials start from, at 64x64 pixels.

Command:  python -m cinegan_jax.main --config=configs/image_gan_64.py --workdir=WORKDIR
          other images than the drawn shapes: --config.data.path=FOLDER
Hardware: two CPU cores, or one GPU or TPU
Time:     7 minutes of processor time for 1,600 steps at 32 pixels and capacity 8
Score:    drawn shapes: 10 of 25 modes, feature distance 0.032 (real images 0.001)
"""

import ml_collections

from cinegan_jax.config.load import default_config


def get_config() -> ml_collections.ConfigDict:
    """Return capacity 16, batch 32, R1, and a grid of samples with their scores every 80 steps."""
    c = default_config("image_gan")
    c.batch_size = 32
    c.num_steps = 2000
    c.adversarial.r1 = 1.0
    c.adversarial.r1_every = 4
    for adam in c.optimizers.values():
        adam.learning_rate = 2e-4
        adam.beta1 = 0.5
        adam.beta2 = 0.999
    c.sample_every_steps = 80
    c.sample_scores = True
    return c
