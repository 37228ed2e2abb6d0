"""The published system on the eight chips of a v5e-8: FilmSet, 512x512 squashed, global batch 64.

Command:  python -m cinegan_jax.main --config=configs/tpu_v5e_8.py --workdir=WORKDIR
Hardware: TPU v5e-8, 8 pairs per chip; compiled for it, 7.6 of a chip's 15.75 GiB
Time:     not measured; at a chip's peak a step takes 0.10 s, 6 minutes in all (preflight)
Score:    not measured
"""

import ml_collections

from cinegan_jax.config.load import load_config


def get_config() -> ml_collections.ConfigDict:
    """Return the published losses, rates and protocol, with more threads for faster chips."""
    c = load_config("default")
    c.data.threads = 16
    return c
