"""Batch normalisation whose statistics may be those of a batch spread over replicas.

In training a layer takes the batch's statistics, and its state, the collection `batch_stats`,
remembers a running average of them, with which single pictures are made and judged later:

    x, after = network.apply(variables, x, replicas, mutable=["batch_stats"])    # trains
    x = network.apply(variables, x)                                              # uses

Flax's own layer takes the name of an axis, which networks here do not know, and has no unbiased
running variance.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


class Replicas(NamedTuple):
    """What a batch is spread over."""

    average: Callable[[Any], Any]
    """The mean over them of every array in a tree."""
    size: int
    """How many they are."""


ALONE = Replicas(lambda tree: tree, 1)
"""A batch that is whole, or a part that is normalised by itself."""


class BatchNorm(nn.Module):
    """Each channel of a batch to mean 0 and variance 1 (arXiv 1502.03167), then scale and bias.

    Statistics are float32 in two passes, as of `InstanceNorm`; the defaults are PyTorch's.

    Attributes:
        epsilon: added to the variance.
        decay: of the running statistics at each batch; 1 less PyTorch's momentum, and Keras'.
        unbiased: whether the running variance divides by one less than the count, as PyTorch's
            does and Keras' does not; the batch is always normalised by the biased one.
        scale_init: of the scale; the bias starts at 0.
        dtype: of the result.
    """

    epsilon: float = 1e-5
    decay: float = 0.9
    unbiased: bool = True
    scale_init: nn.initializers.Initializer = nn.initializers.ones
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """[..., c] to the same shape; without replicas by the running statistics."""
        channels = x.shape[-1:]
        scale = self.param("scale", self.scale_init, channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, channels, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        running_variance = self.variable("batch_stats", "variance", jnp.ones, channels, jnp.float32)
        x = x.astype(jnp.float32)
        if replicas is None:
            mean, variance = running_mean.value, running_variance.value
        else:
            mean, variance = _moments(x, replicas)
            count = replicas.size * x.size // x.shape[-1]
            spread = variance * (count / max(1, count - 1)) if self.unbiased else variance
            running_mean.value = self._moved(running_mean.value, mean)
            running_variance.value = self._moved(running_variance.value, spread)
        gain = jax.lax.rsqrt(variance + self.epsilon) * scale
        axes = tuple(range(x.ndim - 1))
        mean, gain, bias = (jnp.expand_dims(v, axes) for v in (mean, gain, bias))
        return ((x - mean) * gain + bias).astype(self.dtype)

    def _moved(self, running: jax.Array, found: jax.Array) -> jax.Array:
        return self.decay * running + (1 - self.decay) * jax.lax.stop_gradient(found)


def _moments(x: jax.Array, replicas: Replicas) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance [c] of each channel of [..., c], over all replicas."""
    axes = tuple(range(x.ndim - 1))
    mean = replicas.average(jnp.mean(x, axes))
    centred = x - jnp.expand_dims(mean, axes)
    return mean, replicas.average(jnp.mean(jnp.square(centred), axes))
