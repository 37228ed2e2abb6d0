"""The colour operator that a generator has to beat."""

import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.types import Array, Images
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.selection import sample_pixels
from cinegan_jax.inference.network import Generate, make_generate
from cinegan_jax.ops.images import to_unit
from cinegan_jax.ops.lut import apply_lut, fit_lut


def fit_lut_baseline(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> np.ndarray:
    """A 33^3 LUT fitted to pixels of training pairs, the best that colour alone can do.

    Args:
        pairs: the training split.
        seed, max_pairs, pixels: of `sample_pixels`.

    Returns:
        unit [33, 33, 33, 3] indexed [r, g, b].

    Raises:
        UserError: no pair could be read.
    """
    return fit_lut(*sample_pixels(pairs, seed=seed, max_pairs=max_pairs, pixels=pixels))


def lut_generate(lut: np.ndarray) -> Generate:
    """The LUT (unit [s, s, s, 3]) as a function from photo to picture."""

    def apply(lut: Array, images: Images) -> Images:
        return 2 * apply_lut(lut, to_unit(images)) - 1

    return make_generate(apply, jnp.asarray(lut, jnp.float32))
