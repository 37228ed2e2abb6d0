"""The colour operator that a generator has to beat."""

import jax.numpy as jnp
import numpy as np

from cinegan_jax.data.pairs import BrokenPair, PairSource
from cinegan_jax.errors import UserError
from cinegan_jax.inference.generate import Generate, make_generate
from cinegan_jax.ops.images import to_unit
from cinegan_jax.ops.lut import apply_lut, fit_lut
from cinegan_jax.types import Array, Images


def fit_lut_baseline(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> np.ndarray:
    """A 33^3 LUT fitted to pixels of training pairs, the best that colour alone can do.

    Args:
        pairs: the training split; broken ones are passed over.
        seed: for the choice of pairs and pixels.
        max_pairs: how many pairs are looked at.
        pixels: how many pixels are taken in all, spread evenly over those pairs.

    Returns:
        unit [33, 33, 33, 3] indexed [r, g, b].

    Raises:
        UserError: no pair could be read.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pairs))[:max_pairs]
    inputs, targets = [], []
    for index in map(int, chosen):
        try:
            pair = pairs[index]
        except BrokenPair:
            continue
        picks = rng.integers(pair.input[..., 0].size, size=-(-pixels // len(chosen)))
        inputs.append(pair.input.reshape(-1, 3)[picks])
        targets.append(pair.target.reshape(-1, 3)[picks])
    if not inputs:
        raise UserError(
            f"no LUT can be fitted: none of {len(chosen)} training pairs could be read; "
            "check config.data.path"
        )
    return fit_lut(_unit(inputs), _unit(targets))


def _unit(pixels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pixels) / np.float32(255)


def lut_generate(lut: np.ndarray) -> Generate:
    """The LUT (unit [s, s, s, 3]) as a function from photo to picture."""

    def apply(lut: Array, images: Images) -> Images:
        return 2 * apply_lut(lut, to_unit(images)) - 1

    return make_generate(apply, jnp.asarray(lut, jnp.float32))
