"""Layer statistics of a whole photo, measured once and used for its parts.

Instance normalisation takes each channel's mean and variance over the image, squeeze-and-excitation
its mean. Those of a part differ from those of the whole photo, and would change the part's
brightness and colour. Thumbnail instance normalisation (arXiv 2103.11784) takes them from a reduced
photo.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from cinegan_jax.core.types import Images, Params
from cinegan_jax.inference.look import apply_generator
from cinegan_jax.nets.layers import SqueezeExcite
from cinegan_jax.nets.norms import InstanceNorm
from cinegan_jax.nets.res_unet import ResUnetGenerator

LayerStatistics = dict[str, Any]
"""(mean, variance) of each normalisation and means of each squeeze, by the layer's path."""

_MEASURING_METHODS = {(InstanceNorm, "moments"), (SqueezeExcite, "means")}


def measure(generator: ResUnetGenerator, kernels: Params, images: Images) -> LayerStatistics:
    """Measure the layer statistics of one image, signed [1, h, w, 3]."""
    statistics: LayerStatistics = {}

    def record(layer: str, compute: Callable[[], Any]) -> Any:
        statistics[layer] = compute()
        return statistics[layer]

    _apply(generator, kernels, images, record)
    return statistics


def apply_with(
    generator: ResUnetGenerator, kernels: Params, statistics: LayerStatistics, images: Images
) -> jax.Array:
    """Apply a generator with the given statistics instead of those of the images."""
    return _apply(generator, kernels, images, lambda layer, _: statistics[layer])


def _apply(
    generator: ResUnetGenerator,
    kernels: Params,
    images: Images,
    choose: Callable[[str, Callable[[], Any]], Any],
) -> jax.Array:
    """Apply a generator; `choose(path, compute)` returns the statistics of each layer."""

    def intercept(
        method: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
    ) -> Any:
        if (type(context.module), context.method_name) not in _MEASURING_METHODS:
            return method(*args, **kwargs)
        return choose("/".join(context.module.path), lambda: method(*args, **kwargs))

    with nn.intercept_methods(intercept):
        return apply_generator(generator, kernels, images)
