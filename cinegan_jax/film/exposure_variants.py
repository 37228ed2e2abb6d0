"""Photos in different light, to give training more colours.

A look is a function of colour, and a few hundred photos have few saturated, very dark or strongly
tinted colours. A variant has random exposure, white balance and saturation.
"""

import numpy as np

from cinegan_jax.ops.colour import linear_to_srgb, luminance, srgb_to_linear

STOPS = 1.0
"""Standard deviation of the exposure, in stops (powers of two of the light)."""
CAST = 0.25
"""Standard deviation of the gain of each channel, in stops."""
SATURATION = (0.2, 2.0)
"""Range of the factor of each pixel's distance from its grey."""


def vary(photo: np.ndarray, seed: int) -> np.ndarray:
    """Return a variant of a photo, uint8 [h, w, 3], that depends on the seed."""
    rng = np.random.default_rng(seed)
    gains = 2.0 ** (STOPS * rng.standard_normal() + CAST * rng.standard_normal(3))
    light = srgb_to_linear(photo.astype(np.float32) / 255) * gains.astype(np.float32)
    grey = luminance(light)[..., None]
    light = grey + rng.uniform(*SATURATION) * (light - grey)
    encoded = linear_to_srgb(np.clip(light, 0.0, 1.0, dtype=np.float32))
    return np.rint(encoded * 255).astype(np.uint8)
