"""1024x1024, for photos prepared with --size 1024. Larger: --config.spatial=2 splits rows.

Command:  python -m cinegan_jax.main --config=configs/tpu_1024.py --workdir=WORKDIR \\
            --config.data.path=PREPARED --config.data.look=LOOK
Hardware: TPU v5e-8, 2 pairs a chip; compiled for it, 13.0 of a chip's 15.75 GiB
Time:     not measured; at a chip's bandwidth a step takes 0.39 s (with rows split in two 0.51 s)
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return published losses and rates, random crops, EMA, and a quarter of the batch."""
    c = load_config("default")
    c.parallelism = "pjit"
    c.shard_optimizer = True
    c.batch_size = 16
    c.data.size = 1024
    c.data.crop = "crop"
    c.data.threads = 16
    c.ema_decay = 0.999
    return c
