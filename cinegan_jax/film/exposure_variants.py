"""Photos as the same camera might have taken them in other light: more colours to learn from.

A look is a function of colour, and a few hundred photos hold few saturated, very dark or oddly lit
colours. A variant has another exposure, white balance and saturation, each drawn from its seed.
"""

import numpy as np

from cinegan_jax.ops.colour import linear_to_srgb, luminance, srgb_to_linear

STOPS = 1.0
"""Standard deviation of the exposure, in stops (powers of two of the light)."""
CAST = 0.25
"""Standard deviation of each channel's gain, in stops."""
SATURATION = (0.2, 2.0)
"""Least and greatest factor of each pixel's distance from its grey."""


def vary(photo: np.ndarray, seed: int) -> np.ndarray:
    """A variant of uint8 [h, w, 3], of the same shape; the same for the same seed."""
    rng = np.random.default_rng(seed)
    gains = 2.0 ** (STOPS * rng.standard_normal() + CAST * rng.standard_normal(3))
    light = srgb_to_linear(photo.astype(np.float32) / 255) * gains.astype(np.float32)
    grey = luminance(light)[..., None]
    light = grey + rng.uniform(*SATURATION) * (light - grey)
    encoded = linear_to_srgb(np.clip(light, 0.0, 1.0, dtype=np.float32))
    return np.rint(encoded * 255).astype(np.uint8)
