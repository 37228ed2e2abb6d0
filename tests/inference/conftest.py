from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator


@pytest.fixture
def random_look(random_params: Callable[..., Any]) -> Callable[..., Look]:
    """Function from a generator to a look of which every parameter is random."""

    def make(generator: ResUnetGenerator, **fields: Any) -> Look:
        image = jax.ShapeDtypeStruct((1, 8, 8, 3), np.float32)
        return NetworkLook("noise", generator, random_params(generator, image), **fields)

    return make


@pytest.fixture
def unit_images(rng: np.random.Generator) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Function to random photos and the generator's results, float32 [n, h, w, 3], unit range."""

    def make(look: Look, *shape: int) -> tuple[np.ndarray, np.ndarray]:
        photos = rng.uniform(0, 1, shape).astype(np.float32)
        photos[0, 0, :2] = [[0.0] * 3, [1.0] * 3]  # the ends of the range are colours of their own
        signed = jax.jit(look.generator.apply)({"params": look.kernels}, 2 * photos - 1)
        return photos, np.clip((np.asarray(signed) + 1) / 2, 0, 1)

    return make
