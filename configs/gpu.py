"""The published losses and rates on one GPU, with aspect kept and an EMA.

Command:  python -m cinegan_jax.main --config=configs/gpu.py --workdir=WORKDIR
Hardware: one GPU; 8 pairs at 512x512 in bf16 take about 10 GiB of temporaries
Time:     not measured
Score:    not measured
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
    """Batch 8 of random crops."""
    c = default.get_config()
    c.batch_size = 8
    c.ema_decay = 0.999
    return c
