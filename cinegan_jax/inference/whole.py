"""The network at the photo's own size: for checking, and for small photos."""

from collections.abc import Callable, Iterator

import numpy as np

from cinegan_jax.errors import UserError
from cinegan_jax.inference.generate import pad_to_multiple
from cinegan_jax.inference.network import STRIDE, generate
from cinegan_jax.inference.trained_look import TrainedLook

MOST_PIXELS = 8_000_000
"""About 3 GB with the looks that ship; some 9 GB with the published network."""


def whole(
    photo: np.ndarray, look: TrainedLook, strength: float, progress: Callable[[float], None]
) -> Iterator[np.ndarray]:
    """Gives the network all of the photo, continued by reflection to sides in multiples of 8.

    The continuation, at most 7 pixels at the right and the bottom, counts in the network's
    statistics. Each size is compiled anew.

    Args and yields: as `develop.Method`.

    Raises:
      UserError: the photo has more than `MOST_PIXELS`.
    """
    height, width, _ = photo.shape
    if height * width > MOST_PIXELS:
        raise UserError(
            f"method 'whole' takes photos of up to {MOST_PIXELS / 1e6:g} megapixels, this one has "
            f"{height * width / 1e6:.1f}; use 'transfer' or 'tiles'"
        )
    unit = photo.astype(np.float32) / np.float32(np.iinfo(photo.dtype).max)
    padded = pad_to_multiple(unit, STRIDE)
    made = np.asarray(generate(look.generator, look.kernels, padded))[:height, :width]
    progress(1.0)
    yield unit + np.float32(strength) * (made - unit)
