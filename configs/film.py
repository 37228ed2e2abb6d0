"""The recipe that scored better than the published settings, at a size that two cores can train.

It made the looks that ship with the package:

Command:  cinegan prepare PHOTOS PAIRS --look classic_neg --size 320 --variants 4 --no-grain
          python -m cinegan_jax.main --config=configs/film.py --workdir=WORKDIR \\
            --config.data.path=PAIRS --config.data.look=classic_neg
          cinegan export --weights WORKDIR --format safetensors -o classic_neg.safetensors
Hardware: 2 CPU cores
Time:     8 to 10 minutes beside other work
Score:    in cinegan_jax/looks/*.md; the ablation is in docs/results.md
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return a network that learns the part of a look that a fitted LUT lacks.

    The LUT is fitted before the first step. L1 takes the place of the perceptual term, which needs
    a file of VGG19.
    """
    c = load_config("default")
    c.precision = "f32"
    c.batch_size = 4
    c.num_steps = 1000
    c.data.size = 128
    c.data.crop = "crop"
    c.data.threads = 2
    c.generator.width = 8
    c.generator.residual = True
    c.generator.colour_path = 64
    c.generator.glow_path = 8
    c.generator.colour_table = 33
    c.discriminator.width = 8
    c.losses.perceptual = 0.0
    c.losses.l1 = 200.0
    c.optimizers.generator.learning_rate = 4e-3
    c.optimizers.generator.warmup_steps = 40
    c.optimizers.discriminator.learning_rate = 1e-3
    for adam in (c.optimizers.generator, c.optimizers.discriminator):
        adam.beta1 = 0.5
        adam.schedule = "cosine"
    c.ema_decay = 0.98
    c.log_every_steps = 50
    c.sample_every_steps = 250
    c.evaluate_every_steps = 250
    c.evaluate_pairs = 12
    c.checkpoint_every_steps = 250
    return c
