"""The discriminator: a PatchGAN that judges overlapping patches of a pair (arXiv 1611.07004)."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.layers import InstanceNorm, conv
from cinegan_jax.nets.settings import PatchDiscriminatorSettings


class PatchDiscriminator(nn.Module):
    """A pair [n, h, w, 6], signed (photo first, then target), to patch logits and features.

    Returns `(logits, (f1, f2, f3))`: logits float32 [n, h/8, w/8, 1]; features in `dtype` of
    sizes h/4, h/8, h/8 (rounded up) with 2, 4 and 8 times `width` channels, for feature matching.
    As published, width 64 has 2,769,601 parameters.

    Attributes:
        width: channels after the first convolution.
        dtype: of the activations.
    """

    width: int = PatchDiscriminatorSettings.width
    dtype: DTypeLike = jnp.float32

    spectral_layers: ClassVar[tuple[str, ...]] = ("conv1", "conv2", "conv3", "conv4", "logits")
    """The convolutions under spectral normalisation, as paths for `nets.spectral`."""

    @nn.compact
    def __call__(self, pair: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        w, dtype = self.width, self.dtype
        x = _leaky_relu(conv(w, 4, stride=2, dtype=dtype, name="conv1")(pair))
        features = []
        for i, (channels, stride) in enumerate(((2 * w, 2), (4 * w, 2), (8 * w, 1)), start=2):
            x = conv(channels, 4, stride, dtype=dtype, name=f"conv{i}", before_norm=True)(x)
            x = _leaky_relu(InstanceNorm(dtype=dtype, name=f"norm{i}")(x))
            features.append(x)
        logits = conv(1, 4, dtype=dtype, name="logits")(x)
        return logits.astype(jnp.float32), tuple(features)


def _leaky_relu(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, negative_slope=0.2)
