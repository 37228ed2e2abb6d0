"""The recipe of `film.py` on the embedded photographs.

Command:  python -m cinegan_jax.main --config=configs/cpu_demo.py --workdir=WORKDIR
Hardware: 2 CPU cores
Time:     3 minutes, and 4 to evaluate
Score:    held-out PSNR 39.7 dB (photo 23.2), without the target's grain 51.9 dB (photo 23.3)
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return a shorter run on the photos of the package."""
    c = load_config("film")
    c.num_steps = 400
    c.data.path = "samples"
    c.data.look = "classic_neg"
    c.log_every_steps = 20
    c.sample_every_steps = 100
    c.evaluate_every_steps = 100
    c.checkpoint_every_steps = 100
    c.health.every_steps = 10
    c.health.grace_steps = 50
    return c
