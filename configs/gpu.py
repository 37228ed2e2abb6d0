"""The published losses and rates on one GPU, with aspect kept and an EMA.

Command:  python -m cinegan_jax.main --config=configs/gpu.py --workdir=WORKDIR
Hardware: one GPU of 24 GB or more (estimated); less: --config.accumulate_steps=2, 4 or 8
Time:     not measured
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return batch 8 and random crops of 480 pixels, the short side of FilmSet's photos."""
    c = load_config("default")
    c.batch_size = 8
    c.data.size = 480
    c.data.crop = "crop"
    c.ema_decay = 0.999
    return c
