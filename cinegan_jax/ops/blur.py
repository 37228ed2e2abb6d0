"""Light that spreads: a pyramid of blurs at full size."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

B3_SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Taps of one blur: near a Gaussian of standard deviation 1."""
SCALES = 4
"""Blurs of `spread`: standard deviations of 1, 2.2, 4.6 and 9.2 pixels."""


def spread(features: jax.Array) -> Iterator[jax.Array]:
    """Ever wider blurs of [n, h, w, c], SCALES of them, each of the same shape.

    The "a trous" algorithm (Holschneider et al. 1989; Starck and Murtagh 1994): each blurs the one
    before it by a B3 spline whose taps are twice as far apart. Borders are continued.
    """
    for scale in range(SCALES):
        for axis in (1, 2):
            features = _blur(features, axis, 2**scale)
        yield features


def _blur(x: jax.Array, axis: int, distance: int) -> jax.Array:
    size, reach = x.shape[axis], 2 * distance
    pads = [(reach, reach) if a == axis else (0, 0) for a in range(x.ndim)]
    padded = jnp.pad(x, pads, mode="edge")
    taps = (
        weight * jax.lax.slice_in_dim(padded, k * distance, k * distance + size, axis=axis)
        for k, weight in enumerate(B3_SPLINE)
    )
    return sum(taps, start=jnp.zeros_like(x))
