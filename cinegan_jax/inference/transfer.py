"""The look at full size from what the network makes of a reduced photo."""

from collections.abc import Callable, Iterator

import numpy as np

from cinegan_jax.inference.bilateral_grid import apply_change, fit_change
from cinegan_jax.inference.network import generate
from cinegan_jax.inference.resize import resize
from cinegan_jax.inference.trained_look import TrainedLook

LONG_SIDE = 768
"""Of the reduced photo, at most."""
STEP = 64
"""Sides of the reduced photo are multiples of this, so that few programs are ever compiled."""


def transfer(
    photo: np.ndarray, look: TrainedLook, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Lets the network see a reduced photo and carries the change to the full one.

    The reduced photo may be a little slimmer or wider than the full one: nothing is padded, as
    instance normalisation would count the padding.

    Args and yields: as `develop.Method`.
    """
    small = resize(photo, *reduced_shape(*photo.shape[:2]))
    grid = fit_change(small, generate(look.generator, look.kernels, small))
    identity = np.eye(4, 3, dtype=np.float32)
    done = 0
    for band in apply_change(identity + np.float32(strength) * (grid - identity), photo):
        done += len(band)
        progress(done / len(photo))
        yield band


def reduced_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture that the network sees: multiples of 64, nearly as slim."""
    scale = min(LONG_SIDE / max(height, width), 1.0)
    rows, columns = (max(STEP, round(side * scale / STEP) * STEP) for side in (height, width))
    return rows, columns
