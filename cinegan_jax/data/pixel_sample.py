"""Pixels of training pairs, for what is fitted to colours alone."""

import numpy as np

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.errors import UserError


def sample_pixels(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels of random pairs before and after: unit float32 [p, 3] both.

    Args:
        pairs: the training split; broken ones are passed over.
        seed: for the choice of pairs and pixels.
        max_pairs: how many pairs are looked at.
        pixels: how many pixels are taken in all, spread evenly over those pairs.

    Raises:
        UserError: no pair could be read.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pairs))[:max_pairs]
    inputs, targets = [], []
    for index in map(int, chosen):
        try:
            pair = pairs[index]
        except BrokenExample:
            continue
        picks = rng.integers(pair.input[..., 0].size, size=-(-pixels // len(chosen)))
        inputs.append(pair.input.reshape(-1, 3)[picks])
        targets.append(pair.target.reshape(-1, 3)[picks])
    if not inputs:
        raise UserError(
            f"no LUT can be fitted: none of {len(chosen)} training pairs could be read; "
            "check config.data.path"
        )
    return _unit(inputs), _unit(targets)


def _unit(pixels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pixels) / np.float32(255)
