"""DCGAN's networks (Radford et al., arXiv 1511.06434), with the conventions of PyTorch's example.

Convolutions have no bias. Kernels are drawn from N(0, 0.02), batch norm scales from N(1, 0.02).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.layers import SMALLEST_MAP, feature_maps
from cinegan_jax.nets.norms import BatchNorm, Replicas

_normal = nn.initializers.normal(0.02)


def _normal_around_one(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    return 1 + _normal(key, shape, dtype)


_Norm = partial(BatchNorm, scale_init=_normal_around_one)
_Up = partial(
    nn.ConvTranspose,
    kernel_size=(4, 4),
    strides=(2, 2),
    padding="SAME",  # ConvTranspose2d(4, 2, 1) in PyTorch
    transpose_kernel=True,
    use_bias=False,
    kernel_init=_normal,
)
_Down = partial(
    nn.Conv,
    kernel_size=(4, 4),
    strides=(2, 2),
    padding=1,
    use_bias=False,
    kernel_init=_normal,
)


class DcganGenerator(nn.Module):
    """DCGAN generator: latents [n, z] to signed images, float32 [n, size, size, 3].

    The first layer maps the latents to 4x4 feature maps: as a transposed 4x4 convolution of 1x1 it
    is a dense layer. Transposed 4x4 convolutions of stride 2 then double the size. Batch norm and
    ReLU follow each layer but the last, which has tanh. With z = 100, width 100 has 8,007,800
    parameters at 64 pixels, and width 160 has 73,745,600 at 128 pixels.

    Attributes:
        size: of the images, see `feature_maps`.
        width: channels of the last feature map.
        dtype: of the activations.
    """

    size: int
    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Apply the network; without `replicas`, batch norms use their running statistics."""
        first, *others = reversed(feature_maps(self.size, self.width))
        shape = (SMALLEST_MAP, SMALLEST_MAP, first)
        x = nn.DenseGeneral(
            shape, use_bias=False, kernel_init=_normal, dtype=self.dtype, name="up1"
        )(latents)
        x = nn.relu(_Norm(dtype=self.dtype, name="norm1")(x, replicas))
        for i, channels in enumerate(others, start=2):
            x = _Up(channels, dtype=self.dtype, name=f"up{i}")(x)
            x = nn.relu(_Norm(dtype=self.dtype, name=f"norm{i}")(x, replicas))
        x = _Up(3, dtype=self.dtype, name="picture")(x)
        return jnp.tanh(x.astype(jnp.float32))


class DcganDiscriminator(nn.Module):
    """DCGAN discriminator: signed images [n, size, size, 3] to logits, float32 [n].

    4x4 convolutions of stride 2 halve the size to 4x4; LeakyReLU follows each, and batch norm each
    but the first. One convolution over the remaining 4x4 gives the logit. Width 100 has 6,740,400
    parameters at 64 pixels, and width 40 has 4,366,560 at 128 pixels.

    Attributes:
        width: channels of the first feature map.
        dtype: of the activations.
    """

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Apply the network; without `replicas`, batch norms use their running statistics."""
        x = images
        for i, channels in enumerate(feature_maps(images.shape[1], self.width), start=1):
            x = _Down(channels, dtype=self.dtype, name=f"down{i}")(x)
            if i > 1:
                x = _Norm(dtype=self.dtype, name=f"norm{i}")(x, replicas)
            x = nn.leaky_relu(x, negative_slope=0.2)
        logits = nn.DenseGeneral(
            1,
            axis=(1, 2, 3),
            use_bias=False,
            kernel_init=_normal,
            dtype=self.dtype,
            name="logits",
        )(x)
        return logits[:, 0].astype(jnp.float32)
