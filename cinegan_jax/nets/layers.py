"""The blocks that the generator and the discriminators are made of.

Activations are [n, h, w, c] in the module's `dtype`. Parameters are stored in float32 and cast at
use. Kernels start as Keras starts them: glorot uniform, biases zero.
"""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from cinegan_jax.ops import images

glorot = nn.initializers.glorot_uniform()

Norm = Literal["instance", "layer"]
"""What a block normalises by: `InstanceNorm` or `LayerNorm`."""


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
    """A square 'same' convolution with bias.

    `before_norm`: instance norm follows at once and takes the bias out again. Its gradient is zero
    then, and is not computed: that would be a pass over the whole gradient for rounding errors.
    """
    return nn.Conv(
        features,
        kernel_size=(size, size),
        strides=stride,
        padding="SAME",
        dtype=dtype,
        kernel_init=kernel_init,
        promote_dtype=bias_at_rest if before_norm else promote_dtype,
        name=name,
    )


def bias_at_rest(*arrays: Any, dtype: Any = None, inexact: bool = True) -> list[Any]:
    """Flax's `promote_dtype` for a layer's input, kernel and bias, the last without a gradient."""
    x, kernel, bias = arrays
    return promote_dtype(x, kernel, jax.lax.stop_gradient(bias), dtype=dtype, inexact=inexact)


class ThinConv(nn.Module):
    """A square 'same' convolution to few channels, with the parameters and result of `nn.Conv`.

    All results of a block of pixels are computed as the channels of one: those of a single pixel
    would leave most of a TPU's matrix unit idle.

    Attributes:
        features: channels of the result.
        size: of the kernel, odd.
        block: pixels a side of a block; the picture's sides must be multiples of it.
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
            self._of_blocks(kernel),
            window_strides=(self.block, self.block),
            padding=((reach, reach), (reach, reach)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return images.pixel_shuffle(blocks, self.block) + bias[None, None, None, :]

    def _of_blocks(self, kernel: jax.Array) -> jax.Array:
        """[size, size, c, features] as [size + block - 1, same, c, block ** 2 * features]: the
        kernel of each pixel of a block, moved to that pixel's place.
        """

        def moved(row: int, column: int) -> jax.Array:
            around = [(before, self.block - 1 - before) for before in (row, column)]
            return jnp.pad(kernel, [*around, (0, 0), (0, 0)])

        places = [(row, column) for row in range(self.block) for column in range(self.block)]
        return jnp.concatenate([moved(*place) for place in places], axis=-1)


class InstanceNorm(nn.Module):
    """Each channel of each picture to mean 0 and variance 1 (arXiv 1607.08022).

    Scale and bias are learnt per channel. Statistics are float32 in two passes, since the mean of
    squares minus the squared mean cancels where a channel is bright and flat.

    Attributes:
        parts: equal parts that the channels consist of; the first channels of all parts are taken
            as one channel, and so on, as a pixel shuffle will make them.
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
        """Mean and variance of each channel of each picture: [n, 1, 1, c] both."""
        mean = self.means(x)
        # The variance has no slope in the mean, so the gradient need not sum over x once more.
        # The term that is subtracted is zero; its second derivative is not.
        centre = jax.lax.stop_gradient(mean)
        return mean, self.means(jnp.square(x - centre)) - jnp.square(mean - centre)

    def means(self, x: jax.Array) -> jax.Array:
        """[n, h, w, c] to [n, 1, 1, c], the same for channels that are taken as one."""
        means = jnp.mean(x, axis=(1, 2), keepdims=True)
        if self.parts == 1:
            return means
        parts = jnp.reshape(means, (*means.shape[:3], self.parts, -1))
        return jnp.tile(jnp.mean(parts, axis=3), self.parts)

    def _per_channel(self, values: jax.Array) -> jax.Array:
        return jnp.tile(values, self.parts)[None, None, None, :]


class LayerNorm(nn.Module):
    """The channels of each pixel to mean 0 and variance 1 (arXiv 1607.06450), as in ConvNeXt.

    It takes no statistics over the picture. Attributes as of `InstanceNorm`.
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


class ConvBlock(nn.Module):
    """Convolution, normalisation, ReLU."""

    features: int
    size: int = 3
    stride: int = 1
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        bias_goes = self.norm == "instance"
        x = conv(
            self.features,
            self.size,
            self.stride,
            dtype=self.dtype,
            name="conv",
            before_norm=bias_goes,
        )(x)
        return nn.relu(NORMS[self.norm](dtype=self.dtype, name="norm")(x))


class ResidualBlock(nn.Module):
    """input + norm(conv(relu(norm(conv(input))))), without a ReLU after the sum."""

    features: int
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = ConvBlock(self.features, norm=self.norm, dtype=self.dtype, name="first")(x)
        bias_goes = self.norm == "instance"
        y = conv(self.features, 3, dtype=self.dtype, name="conv", before_norm=bias_goes)(y)
        return x + NORMS[self.norm](dtype=self.dtype, name="norm")(y)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from all channels' means (arXiv 1709.01507).

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
        """[n, h, w, c] to [n, c]."""
        return jnp.mean(x, axis=(1, 2), dtype=jnp.float32)

    def _dense(self, features: int, name: str) -> nn.Dense:
        return nn.Dense(features, dtype=self.dtype, kernel_init=glorot, name=name)


class UpBlock(nn.Module):
    """Double the size by pixel shuffle, then join the encoder's features of that size.

    [n, h, w, c] and a skip [n, 2h, 2w, features] to [n, 2h, 2w, features].
    """

    features: int
    norm: Norm = "instance"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, skip: jax.Array) -> jax.Array:
        x = conv(4 * self.features, 3, dtype=self.dtype, name="conv")(x)
        # Normalised before the shuffle: a TPU pads 64 channels to 128 and would move twice as much.
        x = nn.relu(NORMS[self.norm](parts=4, dtype=self.dtype, name="norm")(x))
        x = images.pixel_shuffle(x)
        skip = SqueezeExcite(dtype=self.dtype, name="gate")(skip)
        x = jnp.concatenate([x, skip], axis=-1)
        return ConvBlock(self.features, norm=self.norm, dtype=self.dtype, name="join")(x)
