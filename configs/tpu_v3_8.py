"""The published system, with its bugs fixed: FilmSet, 512x512 squashed, global batch 64.

Command:  python -m cinegan_jax.main --config=configs/tpu_v3_8.py --workdir=WORKDIR
Hardware: one TPU v3-8 VM, 8 pairs per core; compiled for it, 7.6 of a core's 15.5 GiB
Time:     not measured; at a core's peak the arithmetic takes 0.32 s per step, 20 minutes in all
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return the published losses, rates and protocol."""
    return load_config("default")
