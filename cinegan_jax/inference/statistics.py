"""The statistics over a whole picture that a generator takes, measured once and used for its parts.

Instance normalisation takes each channel's mean and variance, squeeze-and-excitation its mean. In a
part of a picture they are others, and the part comes out with another brightness and colour.
Thumbnail instance normalisation (arXiv 2103.11784) takes them from a reduced picture.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from cinegan_jax.core.types import Images, Params
from cinegan_jax.inference.look import apply_generator
from cinegan_jax.nets.layers import InstanceNorm, SqueezeExcite
from cinegan_jax.nets.res_unet import ResUnetGenerator

Statistics = dict[str, Any]
"""By the layer's path: (mean, variance) of a normalisation, means of a squeeze."""

_METHODS = {(InstanceNorm, "moments"), (SqueezeExcite, "means")}


def measure(generator: ResUnetGenerator, kernels: Params, images: Images) -> Statistics:
    """The statistics of one picture, signed [1, h, w, 3]."""
    found: Statistics = {}

    def note(layer: str, taken: Callable[[], Any]) -> Any:
        found[layer] = taken()
        return found[layer]

    _apply(generator, kernels, images, note)
    return found


def apply_with(
    generator: ResUnetGenerator, kernels: Params, statistics: Statistics, images: Images
) -> jax.Array:
    """`apply_generator` with these statistics in place of the pictures' own."""
    return _apply(generator, kernels, images, lambda layer, _: statistics[layer])


def _apply(
    generator: ResUnetGenerator,
    kernels: Params,
    images: Images,
    choose: Callable[[str, Callable[[], Any]], Any],
) -> jax.Array:
    """`choose` gets each layer's path and what would take its statistics; it returns them."""

    def intercept(
        method: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
    ) -> Any:
        if (type(context.module), context.method_name) not in _METHODS:
            return method(*args, **kwargs)
        return choose("/".join(context.module.path), lambda: method(*args, **kwargs))

    with nn.intercept_methods(intercept):
        return apply_generator(generator, kernels, images)
