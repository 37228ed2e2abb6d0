"""The look at full size from what the network makes of a reduced photo."""

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np

from cinegan_jax.inference.bilateral_grid import apply_change, fit_change
from cinegan_jax.inference.resize import resize
from cinegan_jax.inference.trained_look import TrainedLook, apply_generator
from cinegan_jax.nets.res_unet import Generator
from cinegan_jax.types import Params

LONG_SIDE = 768
"""Of the reduced photo, at most."""
STEP = 64
"""Sides of the reduced photo are multiples of this, so that few programs are ever compiled."""


def transfer(photo: np.ndarray, look: TrainedLook, strength: float) -> Iterator[np.ndarray]:
    """Lets the network see a reduced photo and carries the change to the full one.

    The reduced photo may be a little slimmer or wider than the full one: nothing is padded, as
    instance normalisation would count the padding.

    Args:
      photo: uint8 or uint16 [h, w, 3], any size.
      look: what to make of it.
      strength: photo + strength * (look - photo).

    Yields:
      Unit float32 [some rows, w, 3] from top to bottom, not clipped.
    """
    small = resize(photo, *reduced_shape(*photo.shape[:2]))
    grid = fit_change(small, _generate(look.generator, look.kernels, small))
    identity = np.eye(4, 3, dtype=np.float32)
    yield from apply_change(identity + np.float32(strength) * (grid - identity), photo)


def reduced_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture that the network sees: multiples of 64, nearly as slim."""
    scale = min(LONG_SIDE / max(height, width), 1.0)
    rows, columns = (max(STEP, round(side * scale / STEP) * STEP) for side in (height, width))
    return rows, columns


@partial(jax.jit, static_argnums=0)
def _generate(generator: Generator, kernels: Params, photo: jax.Array) -> jax.Array:
    """Unit [h, w, 3] to unit [h, w, 3], not clipped."""
    return (apply_generator(generator, kernels, 2.0 * photo[None] - 1.0)[0] + 1.0) / 2.0
