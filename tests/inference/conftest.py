from collections.abc import Callable

import jax
import numpy as np
import pytest

from cinegan_jax.inference.look import Look
from cinegan_jax.nets.res_unet import ResUnetGenerator


@pytest.fixture
def random_look(random_params) -> Callable[..., Look]:
    """A look at which every parameter of the generator is random."""

    def make(generator: ResUnetGenerator, **fields) -> Look:
        picture = jax.ShapeDtypeStruct((1, 8, 8, 3), np.float32)
        return Look("noise", generator, random_params(generator, picture), **fields)

    return make


@pytest.fixture
def unit_pictures(rng) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Random photos and what flax makes of them, float32 [n, h, w, 3] in unit range."""

    def make(look: Look, *shape: int) -> tuple[np.ndarray, np.ndarray]:
        photos = rng.uniform(0, 1, shape).astype(np.float32)
        photos[0, 0, :2] = [[0.0] * 3, [1.0] * 3]  # the ends of the range are colours of their own
        signed = jax.jit(look.generator.apply)({"params": look.kernels}, 2 * photos - 1)
        return photos, np.clip((np.asarray(signed) + 1) / 2, 0, 1)

    return make
