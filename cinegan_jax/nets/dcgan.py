"""DCGAN's networks (Radford et al., arXiv 1511.06434), with the conventions of PyTorch's example.

No layer before a batch norm has a bias. Kernels start as N(0, 0.02), scales as N(1, 0.02).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.batch_norm import BatchNorm, Replicas
from cinegan_jax.nets.feature_maps import SMALLEST, feature_maps

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
    """Latents [n, z] to signed pictures, float32 [n, size, size, 3].

    A transposed 4x4 convolution makes 4x4 of 1x1, which is a dense layer; others double the size.
    Batch norm and ReLU follow each, tanh the last. Of z = 100, width 100 has 8,007,800
    parameters at 64 pixels, width 160 has 73,745,600 at 128.

    Attributes:
        size: of the pictures, see `feature_maps`.
        width: channels of the last feature map.
        dtype: of the activations.
    """

    size: int
    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Without replicas by the running statistics (see `BatchNorm`)."""
        first, *others = reversed(feature_maps(self.size, self.width))
        shape = (SMALLEST, SMALLEST, first)
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
    """Signed pictures [n, size, size, 3] to logits, float32 [n].

    4x4 convolutions of stride 2 with batch norm, but for the first, and LeakyReLU; then one over
    all of the 4x4 that is left. Width 100 has 6,740,400 parameters at 64 pixels, width 40 has
    4,366,560 at 128.

    Attributes:
        width: channels of the first feature map.
        dtype: of the activations.
    """

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, replicas: Replicas | None = None) -> jax.Array:
        """Without replicas by the running statistics (see `BatchNorm`)."""
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
