"""The generator: a U-Net with residual blocks at an eighth of the size."""

from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.nets.layers import ConvBlock, ResidualBlock, ThinConv, UpBlock, conv, glorot
from cinegan_jax.types import Images


class Generator(nn.Module):
    """Photos to photos with the look: float32 [n, h, w, 3] signed to the same.

    h and w must be multiples of 8. As published, width 64 with 9 blocks has 51,821,663 parameters.

    Attributes:
        width: channels of the full-size stages; deeper stages have 2, 4 and 8 times as many.
        num_blocks: residual blocks at an eighth of the size.
        residual: add the last convolution, zero at the start, to the input instead of passing it
            through tanh. The result may leave signed range.
        colour_path: channels of a pointwise path beside the U-Net; 0: none. Instance normalisation
            removes a picture's absolute levels, and a film look is a function of absolute colour.
        dtype: of the activations. The sum or tanh at the end is in float32.

    Raises:
        ValueError: height or width is not a multiple of 8.
    """

    width: int = 64
    num_blocks: int = 9
    residual: bool = False
    colour_path: int = 0
    dtype: DTypeLike = jnp.float32

    spectral_layers: ClassVar[tuple[str, ...]] = ("e2/conv", "e3/conv", "e4/conv")
    """The convolutions under spectral normalisation, as paths for `nets.spectral`."""

    @nn.compact
    def __call__(self, images: Images) -> jax.Array:
        _check_shape(images.shape)
        images = jnp.asarray(images).astype(jnp.float32)
        features = self._unet(images)
        if self.colour_path:
            features = self._mix_colour(features, images)
        last = self._output()(features).astype(jnp.float32)
        return images + last if self.residual else jnp.tanh(last)

    def _output(self) -> Callable[[jax.Array], jax.Array]:
        init = nn.initializers.zeros if self.residual else glorot
        if self.colour_path:
            return conv(3, 1, dtype=self.dtype, name="output", kernel_init=init)
        return ThinConv(3, 7, dtype=self.dtype, name="output", kernel_init=init)

    def _unet(self, images: jax.Array) -> jax.Array:
        w, dtype = self.width, self.dtype
        e1 = ConvBlock(w, size=7, dtype=dtype, name="e1")(images)
        e2 = ConvBlock(2 * w, stride=2, dtype=dtype, name="e2")(e1)
        e3 = ConvBlock(4 * w, stride=2, dtype=dtype, name="e3")(e2)
        x = ConvBlock(8 * w, stride=2, dtype=dtype, name="e4")(e3)
        for i in range(self.num_blocks):
            x = ResidualBlock(8 * w, dtype=dtype, name=f"block{i + 1}")(x)
        x = UpBlock(4 * w, dtype=dtype, name="up1")(x, e3)
        x = UpBlock(2 * w, dtype=dtype, name="up2")(x, e2)
        return UpBlock(w, dtype=dtype, name="up3")(x, e1)

    def _mix_colour(self, features: jax.Array, images: jax.Array) -> jax.Array:
        colour = self._pointwise(images, "colour1")
        colour = self._pointwise(colour, "colour2")
        return self._pointwise(jnp.concatenate([features, colour], axis=-1), "colour_mix")

    def _pointwise(self, x: jax.Array, name: str) -> jax.Array:
        return nn.relu(conv(self.colour_path, 1, dtype=self.dtype, name=name)(x))


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[1] % 8 or shape[2] % 8:
        raise ValueError(
            f"the generator needs pictures [n, h, w, 3] with h and w multiples of 8, got {shape}"
        )
