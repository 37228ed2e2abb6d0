"""A pyramid of ever wider blurs at full size, for light that spreads."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

B3_SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Taps of one blur, close to a Gaussian of standard deviation 1."""
BLUR_LEVELS = 4
"""Number of blurs of `blur_pyramid`: standard deviations of 1, 2.2, 4.6 and 9.2 pixels."""


def blur_pyramid(features: jax.Array, *, store_padded: bool = False) -> Iterator[jax.Array]:
    """Yield `BLUR_LEVELS` ever wider blurs of [n, h, w, c], each of the same shape.

    This is the "a trous" algorithm (Holschneider et al. 1989; Starck and Murtagh 1994): each level
    blurs the one before by a B3 spline whose taps are twice as far apart. Borders are replicated.

    Args:
      features: [n, h, w, c].
      store_padded: store padded arrays instead of leaving it to XLA, which computes the borders
        anew at every tap on a CPU. The result is the same.
    """
    for scale in range(BLUR_LEVELS):
        for axis in (1, 2):
            features = _blur(features, axis, 2**scale, store_padded)
        yield features


def _blur(x: jax.Array, axis: int, distance: int, store_padded: bool) -> jax.Array:
    size, reach = x.shape[axis], 2 * distance
    pads = [(reach, reach) if a == axis else (0, 0) for a in range(x.ndim)]
    padded = jnp.pad(x, pads, mode="edge")
    if store_padded:
        padded = jax.lax.optimization_barrier(padded)
    taps = (
        weight * jax.lax.slice_in_dim(padded, k * distance, k * distance + size, axis=axis)
        for k, weight in enumerate(B3_SPLINE)
    )
    return sum(taps, start=jnp.zeros_like(x))
