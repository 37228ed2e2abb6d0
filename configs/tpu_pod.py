"""The published system on a pod of 256 chips: one pair per chip, rates raised for the larger batch.

Command:  python -m cinegan_jax.main --config=configs/tpu_pod.py --workdir=gs://BUCKET/RUN
Hardware: TPU v5e-256; the command runs on each of its hosts. From shapes 2.6 of 15.75 GiB
Time:     not measured; at a chip's bandwidth a step of one pair takes 50 ms, 2 minutes in all
Score:    not measured; docs/scaling.md says why a set as small as FilmSet gains little from a pod
"""

import ml_collections

from cinegan_jax.config.load import load_config

BATCHES = 4  # the batch, as a multiple of the published 64 pairs


def get_config() -> ml_collections.ConfigDict:
    """Return rates that grow with the root of the batch (arXiv 2205.10287), after a warm-up."""
    c = load_config("default")
    c.parallelism = "pjit"
    c.shard_optimizer = True
    c.batch_size = BATCHES * c.batch_size
    for adam in (c.optimizers.generator, c.optimizers.discriminator):
        adam.learning_rate *= BATCHES**0.5
        adam.warmup_steps = 100
    c.num_epochs = 100.0
    c.ema_decay = 0.99
    c.data.threads = 16
    c.log_every_steps = 10
    for every in ("sample_every_steps", "evaluate_every_steps", "checkpoint_every_steps"):
        c[every] = 100
    return c
