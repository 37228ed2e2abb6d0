"""Normalisation layers: instance, layer and batch normalisation.

Activations are [n, h, w, c]. Statistics are float32 and take two passes over the input, because the
mean of squares minus the squared mean cancels where a channel is bright and flat.

In training, `BatchNorm` normalises by the statistics of the batch, which may be sharded over
replicas, and updates running averages of them in the collection `batch_stats`. At inference it
normalises by the running averages:

    x, updated = network.apply(variables, x, replicas, mutable=["batch_stats"])  # training
    x = network.apply(variables, x)  # inference

Flax's own BatchNorm takes the name of a mesh axis, which networks here do not know, and has no
unbiased running variance.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

Norm = Literal["instance", "layer"]
"""Name of a normalisation in `NORMS`."""


class InstanceNorm(nn.Module):
    """Normalise each channel of each image to mean 0 and variance 1 (arXiv 1607.08022).

    Scale and bias are learnt per channel.

    Attributes:
        parts: number of equal parts that the channels consist of. Channel i of every part shares
            its statistics, scale and bias, because a pixel shuffle will merge them into one
            channel.
        epsilon: added to the variance.
        dtype: of the result.
    """

    parts: int = 1
    epsilon: float = 1e-3
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1] // self.parts
        scale = self.param("scale", nn.initializers.ones, (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32)
        x = x.astype(jnp.float32)
        mean, variance = self.moments(x)
        gain = jax.lax.rsqrt(variance + self.epsilon) * self._per_channel(scale)
        return ((x - mean) * gain + self._per_channel(bias)).astype(self.dtype)

    def moments(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the mean and variance of each channel of each image, both [n, 1, 1, c]."""
        mean = self.means(x)
        # The variance has no slope in the mean, so the gradient need not sum over x once more.
        # The subtracted term is zero; its second derivative is not.
        centre = jax.lax.stop_gradient(mean)
        return mean, self.means(jnp.square(x - centre)) - jnp.square(mean - centre)

    def means(self, x: jax.Array) -> jax.Array:
        """Return the mean of each channel, [n, 1, 1, c]; equal for channels that are merged."""
        means = jnp.mean(x, axis=(1, 2), keepdims=True)
        if self.parts == 1:
            return means
        parts = jnp.reshape(means, (*means.shape[:3], self.parts, -1))
        return jnp.tile(jnp.mean(parts, axis=3), self.parts)

    def _per_channel(self, values: jax.Array) -> jax.Array:
        return jnp.tile(values, self.parts)[None, None, None, :]


class LayerNorm(nn.Module):
    """Normalise the channels of each pixel to mean 0 and variance 1 (arXiv 1607.06450).

    This is the layer norm of ConvNeXt: it takes no statistics over the image.

    Attributes:
        parts: number of equal parts that the channels consist of; each is normalised by itself.
        epsilon: added to the variance.
        dtype: of the result.
    """

    parts: int = 1
    epsilon: float = 1e-3
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        parts = jnp.reshape(x, (*x.shape[:3], self.parts, -1))
        norm = nn.LayerNorm(epsilon=self.epsilon, dtype=self.dtype, name="channels")
        return jnp.reshape(norm(parts), x.shape)


NORMS: dict[Norm, Any] = {"instance": InstanceNorm, "layer": LayerNorm}


class Replicas(NamedTuple):
    """The replicas that a batch is sharded over."""

    average: Callable[[Any], Any]
    """Average every array of a tree over the replicas."""
    size: int
    """Number of replicas."""


ALONE = Replicas(lambda tree: tree, 1)
"""One replica: the batch is whole, or a part that is normalised by itself."""


class BatchNorm(nn.Module):
    """Normalise each channel of a batch to mean 0 and variance 1 (arXiv 1502.03167).

    Scale and bias are learnt per channel. The defaults are PyTorch's.

    Attributes:
        epsilon: added to the variance.
        decay: weight of the old running statistics at each batch: Keras' momentum, and one minus
            PyTorch's.
        unbiased: whether the running variance divides by the count minus one, as PyTorch's does
            and Keras' does not. The batch itself is always normalised by the biased variance.
        scale_init: initialiser of the scale; the bias starts at 0.
        dtype: of the result.
    """

    epsilon: float = 1e-5
    decay: float = 0.9
    unbiased: bool = True
    scale_init: nn.initializers.Initializer = nn.initializers.ones
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Normalise [..., c] by the batch, or without `replicas` by the running statistics."""
        channels = x.shape[-1:]
        scale = self.param("scale", self.scale_init, channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, channels, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        running_variance = self.variable("batch_stats", "variance", jnp.ones, channels, jnp.float32)
        x = x.astype(jnp.float32)
        if replicas is None:
            mean, variance = running_mean.value, running_variance.value
        else:
            mean, variance = _batch_moments(x, replicas)
            count = replicas.size * x.size // x.shape[-1]
            estimate = variance * (count / max(1, count - 1)) if self.unbiased else variance
            running_mean.value = self._updated(running_mean.value, mean)
            running_variance.value = self._updated(running_variance.value, estimate)
        gain = jax.lax.rsqrt(variance + self.epsilon) * scale
        axes = tuple(range(x.ndim - 1))
        mean, gain, bias = (jnp.expand_dims(v, axes) for v in (mean, gain, bias))
        return ((x - mean) * gain + bias).astype(self.dtype)

    def _updated(self, running: jax.Array, current: jax.Array) -> jax.Array:
        return self.decay * running + (1 - self.decay) * jax.lax.stop_gradient(current)


def _batch_moments(x: jax.Array, replicas: Replicas) -> tuple[jax.Array, jax.Array]:
    """Return the mean and biased variance [c] of each channel of [..., c], over all replicas."""
    axes = tuple(range(x.ndim - 1))
    mean = replicas.average(jnp.mean(x, axes))
    centred = x - jnp.expand_dims(mean, axes)
    return mean, replicas.average(jnp.mean(jnp.square(centred), axes))
