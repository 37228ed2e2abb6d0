"""Convolutions and blocks of the generators and discriminators.

Activations are [n, h, w, c] in the module's `dtype`. Parameters are stored in float32 and cast at
use. Kernels are initialised as in Keras: glorot uniform, biases zero.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from cinegan_jax.nets.norms import NORMS, Norm
from cinegan_jax.ops.images import pixel_shuffle

glorot = nn.initializers.glorot_uniform()

SMALLEST_MAP = 4
"""Height and width of the smallest feature map of networks between latents and images."""


def feature_maps(size: int, width: int) -> list[int]:
    """Return the channels of the feature maps from half the image size down to 4x4.

    Each map has twice the channels of the one before, as in DCGAN.

    Args:
        size: of the images: 8 or more, a power of two. 64 gives four maps, 128 one more.
        width: channels of the largest map.
    """
    return [width * 2**i for i in range((size // SMALLEST_MAP).bit_length() - 1)]


def conv(
    features: int,
    size: int,
    stride: int = 1,
    *,
    dtype: DTypeLike,
    name: str,
    kernel_init: nn.initializers.Initializer = glorot,
    before_norm: bool = False,
) -> nn.Conv:
    """Return a square 'same' convolution with bias.

    Args:
        features: channels of the result.
        size: of the kernel.
        stride: of the convolution.
        dtype: of the result.
        name: of the layer.
        kernel_init: initialiser of the kernel.
        before_norm: whether an instance or batch norm follows directly and removes the bias again.
            The bias then has no gradient. Computing it would be a pass over the whole gradient of
            the result, for rounding errors.
    """
    return nn.Conv(
        features,
        kernel_size=(size, size),
        strides=stride,
        padding="SAME",
        dtype=dtype,
        kernel_init=kernel_init,
        promote_dtype=promote_frozen_bias if before_norm else promote_dtype,
        name=name,
    )


def promote_frozen_bias(*arrays: Any, dtype: Any = None, inexact: bool = True) -> list[Any]:
    """Promote a layer's input, kernel and bias as Flax does, and stop the gradient of the bias."""
    x, kernel, bias = arrays
    return promote_dtype(x, kernel, jax.lax.stop_gradient(bias), dtype=dtype, inexact=inexact)


class ThinConv(nn.Module):
    """Square 'same' convolution to few channels, with the parameters and result of `nn.Conv`.

    The results of a block of pixels are computed as channels of one pixel, because the few channels
    of a single pixel would leave most of a TPU's matrix unit idle.

    Attributes:
        features: channels of the result.
        size: of the kernel, odd.
        block: pixels per side of a block; both sides of the input must be multiples of it.
        dtype: of the result.
    """

    features: int
    size: int
    block: int = 4
    kernel_init: nn.initializers.Initializer = glorot
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        reach = self.size // 2
        blocks = jax.lax.conv_general_dilated(
            x,
            self._block_kernel(kernel),
            window_strides=(self.block, self.block),
            padding=((reach, reach), (reach, reach)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return pixel_shuffle(blocks, self.block) + bias[None, None, None, :]

    def _block_kernel(self, kernel: jax.Array) -> jax.Array:
        """Concatenate the kernels of all pixels of a block, each shifted to its pixel.

        [size, size, c, features] to [size + block - 1, same, c, block ** 2 * features].
        """

        def shifted(row: int, column: int) -> jax.Array:
            around = [(before, self.block - 1 - before) for before in (row, column)]
            return jnp.pad(kernel, [*around, (0, 0), (0, 0)])

        places = [(row, column) for row in range(self.block) for column in range(self.block)]
        return jnp.concatenate([shifted(*place) for place in places], axis=-1)


class ConvBlock(nn.Module):
    """Convolution, normalisation and ReLU."""

    features: int
    size: int = 3
    stride: int = 1
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        removes_bias = self.norm == "instance"
        x = conv(
            self.features,
            self.size,
            self.stride,
            dtype=self.dtype,
            name="conv",
            before_norm=removes_bias,
        )(x)
        return nn.relu(NORMS[self.norm](dtype=self.dtype, name="norm")(x))


class ResidualBlock(nn.Module):
    """Residual block: input + norm(conv(relu(norm(conv(input))))), no ReLU after the sum."""

    features: int
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = ConvBlock(self.features, norm=self.norm, dtype=self.dtype, name="first")(x)
        removes_bias = self.norm == "instance"
        y = conv(self.features, 3, dtype=self.dtype, name="conv", before_norm=removes_bias)(y)
        return x + NORMS[self.norm](dtype=self.dtype, name="norm")(y)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate that depends on all channels' means (arXiv 1709.01507).

    The bottleneck has 1/16 of the channels, and at least one.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        squeezed = nn.relu(self._dense(max(1, channels // 16), "squeeze")(self.means(x)))
        gate = nn.sigmoid(self._dense(channels, "excite")(squeezed))
        return x * gate[:, None, None, :]

    def means(self, x: jax.Array) -> jax.Array:
        """Return the mean of each channel: [n, h, w, c] to [n, c]."""
        return jnp.mean(x, axis=(1, 2), dtype=jnp.float32)

    def _dense(self, features: int, name: str) -> nn.Dense:
        return nn.Dense(features, dtype=self.dtype, kernel_init=glorot, name=name)


class UpBlock(nn.Module):
    """Double the size by pixel shuffle, then merge the encoder's features of that size.

    Takes [n, h, w, c] and the skip connection [n, 2h, 2w, features]; returns
    [n, 2h, 2w, features].
    """

    features: int
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, skip: jax.Array) -> jax.Array:
        x = conv(4 * self.features, 3, dtype=self.dtype, name="conv")(x)
        # Normalise before the shuffle: a TPU pads 64 channels to 128 and would move twice as much.
        x = nn.relu(NORMS[self.norm](parts=4, dtype=self.dtype, name="norm")(x))
        x = pixel_shuffle(x)
        skip = SqueezeExcite(dtype=self.dtype, name="gate")(skip)
        x = jnp.concatenate([x, skip], axis=-1)
        return ConvBlock(self.features, norm=self.norm, dtype=self.dtype, name="join")(x)
