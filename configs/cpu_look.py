"""A small generator for a look file, as the looks that ship with the package were trained.

Command:  cinegan prepare PHOTOS PAIRS --look classic_neg --size 320 --variants 4 --no-grain
          python -m cinegan_jax.main --config=configs/cpu_look.py --workdir=WORKDIR \\
            --config.data.path=PAIRS --config.data.look=classic_neg
          cinegan export --weights WORKDIR --format safetensors -o classic_neg.safetensors
Hardware: 2 CPU cores
Time:     about half an hour
Score:    in cinegan_jax/looks/*.md
"""

import ml_collections

from configs import cpu_demo


def get_config() -> ml_collections.ConfigDict:
    """The demo's networks, trained longer and on more photos."""
    c = cpu_demo.get_config()
    c.num_steps = 4000
    c.optimizers.generator.warmup_steps = 100
    c.ema_decay = 0.995
    c.log_every_steps = 100
    c.sample_every_steps = 1000
    c.evaluate_every_steps = 500
    c.checkpoint_every_steps = 250
    return c
