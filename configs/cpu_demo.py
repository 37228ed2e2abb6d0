"""A small CineGAN learns a film look from the embedded photographs.

Command:  python -m cinegan_jax.main --config=configs/cpu_demo.py --workdir=WORKDIR
Hardware: 2 CPU cores
Time:     5 to 8 minutes, by what else the machine does
Score:    held-out PSNR 38.3 dB (photo 23.2), without the target's grain 43.9 dB (photo 23.3)
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
    """Width 8 with residual and colour path; L1 in place of the perceptual term (no VGG19 file)."""
    c = default.get_config()
    c.precision = "f32"
    c.batch_size = 8
    c.num_steps = 600
    c.data.path = "samples"
    c.data.look = "classic_neg"
    c.data.size = 128
    c.data.crop = "crop"
    c.data.threads = 2
    c.generator.width = 8
    c.generator.residual = True
    c.generator.colour_path = 64
    c.discriminator.width = 8
    c.losses.perceptual = 0.0
    c.losses.l1 = 200.0
    c.optimizers.generator.learning_rate = 4e-3
    c.optimizers.generator.warmup_steps = 50
    c.optimizers.generator.schedule = "cosine"
    c.optimizers.critics.learning_rate = 1e-3
    for adam in (c.optimizers.generator, c.optimizers.critics):
        adam.beta1 = 0.5
    c.ema_decay = 0.99
    c.log_every_steps = 20
    c.sample_every_steps = 100
    c.evaluate_every_steps = 100
    c.evaluate_pairs = 12
    c.checkpoint_every_steps = 100
    return c
