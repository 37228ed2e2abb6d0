"""DCGAN (Radford et al., arXiv 1511.06434) at 64x64 pixels, as in the example of PyTorch.

Command:  python -m cinegan_jax.main --config=configs/dcgan_64.py --workdir=WORKDIR
          other images than the drawn shapes: --config.data.path=FOLDER
Hardware: one GPU or TPU; two CPU cores with --config.generator.width=16
          --config.discriminator.width=16 --config.batch_size=32
Time:     23 minutes of processor time for 2,400 steps with these
Score:    drawn shapes: 15 of 25 modes, feature distance 0.027 (real images 0.001)
"""

import ml_collections

from cinegan_jax.config.load import default_config


def get_config() -> ml_collections.ConfigDict:
    """Return the published settings: width 100, batch 128, Adam 2e-4 with beta1 0.5; and R1.

    R1 is not published. Without it the discriminator of a small run wins at once on the drawn
    shapes, here as in PyTorch. --config.adversarial.r1=0 leaves it out.
    """
    c = default_config("dcgan")
    c.batch_size = 128
    c.num_epochs = 25.0
    c.adversarial.r1 = 1.0
    c.adversarial.r1_every = 1
    for adam in c.optimizers.values():
        adam.learning_rate = 2e-4
        adam.beta1 = 0.5
        adam.beta2 = 0.999
        adam.epsilon = 1e-8
    return c
