"""The generator's colour path, computed in bands of rows that stay in the processor's caches.

The result is that of `ResUnetGenerator` within rounding. Its layers are pointwise, with up to 96
channels at full size; one after the other they would write and read hundreds of megabytes. XLA
computes the borders of a blur anew at every tap unless the padded array is stored first. For
inference only: a gradient would need all bands at once.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.blur import blur_pyramid

_ROWS = 8
"""Rows of a band; the sides of a generator's images are multiples of it."""


def colour_path_in_bands() -> AbstractContextManager[None]:
    """Return a context in which generators compute their colour path in bands."""
    return nn.intercept_methods(_intercept)


def _intercept(
    method: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext
) -> Any:
    module = context.module
    if not isinstance(module, ResUnetGenerator) or context.method_name != "_mix_colour":
        return method(*args, **kwargs)
    return _mix_colour(module.variables["params"], *args)


def _mix_colour(kernels: Mapping[str, Any], features: jax.Array, images: jax.Array) -> jax.Array:
    blurs = []
    if "glow" in kernels:
        light = _pointwise(kernels["glow"], images)
        blurs = list(blur_pyramid(light, store_padded=True))
    parts = [_in_bands(x) for x in (features, images, *blurs)]
    mixed = jax.lax.map(lambda band: _mix_band(kernels, *band), parts)
    return mixed.reshape(*images.shape[:3], -1)


def _mix_band(
    kernels: Mapping[str, Any], features: jax.Array, images: jax.Array, *blurs: jax.Array
) -> jax.Array:
    colour = _pointwise(kernels["colour1"], images)
    if blurs:
        colour = jnp.concatenate([colour, *blurs], axis=-1)
    colour = _pointwise(kernels["colour2"], colour)
    return _pointwise(kernels["colour_mix"], jnp.concatenate([features, colour], axis=-1))


def _in_bands(x: jax.Array) -> jax.Array:
    """Split [n, h, w, c] into [n * h / rows, rows, w, c]."""
    return x.reshape(-1, _ROWS, *x.shape[2:])


def _pointwise(layer: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """Apply a convolution of 1x1 pixels and ReLU."""
    bias = layer["bias"].reshape((1,) * (x.ndim - 1) + (-1,))
    return nn.relu(x @ layer["kernel"][0, 0] + bias)
