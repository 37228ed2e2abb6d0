"""How noise lies on a picture as film grain; numpy only."""

import numpy as np

SHARED = 0.8
"""Share of a grain's amplitude that the three channels have in common."""


def lay_grain(picture: np.ndarray, noise: np.ndarray, sigma: float) -> np.ndarray:
    """Adds noise by density: unit float32 [h, w, 3] to the same, not clipped.

    `noise` is [h, w, 4] of deviation 1: each channel's own, and what they share.
    """
    own = np.sqrt(1 - SHARED**2)
    grain = SHARED * noise[..., 3:] + own * noise[..., :3]
    amount = 4 * sigma * np.clip(picture * (1 - picture), 0.0, None)
    return (picture + amount * grain).astype(np.float32)
