"""PatchGAN discriminator: a logit for every patch of an image pair (arXiv 1611.07004)."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.layers import conv
from cinegan_jax.nets.norms import InstanceNorm
from cinegan_jax.nets.settings import PatchDiscriminatorSettings


class PatchDiscriminator(nn.Module):
    """PatchDiscriminator of overlapping patches.

    Takes pairs [n, h, w, 6] in signed range, the photo's channels before the target's. Returns
    `(logits, (f1, f2, f3))`: logits are float32 [n, h/8, w/8, 1]; features are in `dtype`, of
    sizes h/4, h/8 and h/8 (rounded up) with 2, 4 and 8 times `width` channels, for feature
    matching. The published width of 64 has 2,769,601 parameters.

    Attributes:
        width: channels after the first convolution.
        dtype: of the activations.
    """

    width: int = PatchDiscriminatorSettings.width
    dtype: DTypeLike = jnp.float32

    spectral_layers: ClassVar[tuple[str, ...]] = ("conv1", "conv2", "conv3", "conv4", "logits")
    """Paths of the convolutions under spectral normalisation, for `nets.spectral`."""

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
