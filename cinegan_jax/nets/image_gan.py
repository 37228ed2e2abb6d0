"""Networks of the image GAN of Keras tutorials, with Keras' conventions.

One number, the capacity, sets the width of both. All layers have biases. Those directly before a
batch norm keep their initial values (see `layers.conv`).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.layers import (
    SMALLEST_MAP,
    conv,
    feature_maps,
    glorot,
    promote_frozen_bias,
)
from cinegan_jax.nets.norms import BatchNorm, Replicas

_Norm = partial(BatchNorm, epsilon=1e-3, decay=0.99, unbiased=False)
_Up = partial(
    nn.ConvTranspose,
    kernel_size=(5, 5),
    strides=(2, 2),
    transpose_kernel=True,
    kernel_init=glorot,
    promote_dtype=promote_frozen_bias,
)


class ImageGanGenerator(nn.Module):
    """Image GAN generator: latents [n, z] to signed images, float32 [n, size, size, 3].

    A dense layer gives 4x4 feature maps of 8 times the capacity (at 64 pixels; twice that at 128).
    Transposed 5x5 convolutions of stride 2 with batch norm and LeakyReLU double the size, to 4, 2,
    1 and 1 times the capacity. A 5x5 convolution with tanh gives the image. Capacity 16 and
    z = 100 have 483,635 parameters at 64 pixels.

    Attributes:
        size: of the images, see `feature_maps`.
        capacity: channels of the last feature map.
        dtype: of the activations.
    """

    size: int
    capacity: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Apply the network; without `replicas`, batch norms use their running statistics."""
        *others, first = feature_maps(self.size, self.capacity)
        x = nn.DenseGeneral(
            (SMALLEST_MAP, SMALLEST_MAP, first), kernel_init=glorot, dtype=self.dtype, name="dense"
        )(latents)
        for i, channels in enumerate([*reversed(others), self.capacity], start=1):
            x = _Up(channels, dtype=self.dtype, name=f"up{i}")(x)
            x = _leaky_relu(_Norm(dtype=self.dtype, name=f"norm{i}")(x, replicas))
        x = conv(3, 5, dtype=self.dtype, name="picture")(x)
        return jnp.tanh(x.astype(jnp.float32))


class ImageGanDiscriminator(nn.Module):
    """Image GAN discriminator: signed images [n, size, size, 3] to logits, float32 [n].

    Blocks of a 5x5 convolution, batch norm, a 5x5 convolution of stride 2, batch norm and LeakyReLU
    halve the size to 4x4 and double the channels. A dense layer on the means over 4x4 gives the
    logit. Capacity 16 has 815,569 parameters at 64 pixels.

    Attributes:
        capacity: channels of the first block.
        dtype: of the activations.
    """

    capacity: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Apply the network; without `replicas`, batch norms use their running statistics."""
        x = images
        for i, channels in enumerate(feature_maps(images.shape[1], self.capacity), start=1):
            for part, stride in (("a", 1), ("b", 2)):
                name = f"{i}{part}"
                x = conv(
                    channels, 5, stride, dtype=self.dtype, name=f"conv{name}", before_norm=True
                )(x)
                x = _Norm(dtype=self.dtype, name=f"norm{name}")(x, replicas)
            x = _leaky_relu(x)
        means = jnp.mean(x, axis=(1, 2), dtype=jnp.float32)
        logits = nn.Dense(1, kernel_init=glorot, dtype=self.dtype, name="logits")(means)
        return logits[:, 0].astype(jnp.float32)


def _leaky_relu(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, negative_slope=0.3)
