"""Where two pictures differ, as a picture."""

import numpy as np

from cinegan_jax.ops.colour import srgb_to_lab

WHITE = 20.0
"""The delta E 76 that is shown white."""


def difference_picture(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Delta E 76 of each pixel, black at 0 and white at 20.

    Args:
        picture: uint8 [h, w, 3].
        reference: uint8 [h, w, 3].

    Returns:
        uint8 [h, w, 3], grey.
    """
    labs = (np.asarray(srgb_to_lab(levels / np.float32(255))) for levels in (picture, reference))
    distance = np.linalg.norm(np.subtract(*labs), axis=-1, keepdims=True)
    share = np.clip(distance / WHITE, 0, 1)
    return np.rint(255 * share).astype(np.uint8).repeat(3, axis=-1)
