"""Fine-tuning as published: trained networks, new optimizers, total variation against bloom.

Command:  python -m cinegan_jax.main --config=configs/tpu_v3_8_finetune.py --workdir=WORKDIR_2 \\
            --config.restore_from=WORKDIR
Hardware: one TPU v3-8 VM, 8 pairs per core
Time:     not measured; at a core's peak the arithmetic takes 6 minutes in all
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return half the generator's rate, perceptual 1, total variation 20, 15 epochs."""
    c = load_config("tpu_v3_8")
    c.num_epochs = 15.0
    c.optimizers.generator.learning_rate = 2.5e-5
    c.losses.perceptual = 1.0
    c.losses.total_variation = 20.0
    return c
