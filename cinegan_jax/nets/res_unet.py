"""CineGAN's generator: a U-Net with residual blocks at an eighth of the image size."""

from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from cinegan_jax.core.types import Images
from cinegan_jax.nets.layers import ConvBlock, ResidualBlock, ThinConv, UpBlock, conv, glorot
from cinegan_jax.nets.norms import NORMS, Norm
from cinegan_jax.nets.settings import ResUnetSettings
from cinegan_jax.ops.blur import blur_pyramid
from cinegan_jax.ops.images import to_unit
from cinegan_jax.ops.lut import apply_lut, identity_lut


class ResUnetGenerator(nn.Module):
    """Image-to-image generator: signed photos [n, h, w, 3] to the same with the look, float32.

    h and w must be multiples of 8. The published size, width 64 with 9 blocks, has 51,821,663
    parameters.

    Attributes:
        width: channels of the full-size stages; deeper stages have 2, 4 and 8 times as many.
        num_blocks: residual blocks at an eighth of the size.
        residual: add the last convolution, initially zero, to the input instead of passing it
            through tanh. The result may leave signed range.
        colour_path: channels of a pointwise path beside the U-Net; 0 for none. Instance
            normalisation removes an image's absolute levels, and a film look is a function of
            absolute colour.
        glow_path: channels of blurred light that enter the colour path; 0 for none. Halation is a
            function of the absolute brightness of the surroundings.
        colour_table: nodes per axis of a LUT that replaces the input in the sum of `residual`; 0
            for none. It is initialised to the identity and has no gradient: the family fits it to
            the training pairs before the first step, and the network learns the remainder.
        norm: `instance`, or `layer`, which normalises each pixel over its channels and so keeps
            absolute levels.
        monochrome: average the channels of the result, which is then exactly grey.
        dtype: of the activations. The final sum or tanh is in float32.

    Raises:
        ValueError: a field has an invalid value or needs another field, or height or width is not a
            multiple of 8.
    """

    width: int = ResUnetSettings.width
    num_blocks: int = ResUnetSettings.num_blocks
    residual: bool = ResUnetSettings.residual
    colour_path: int = ResUnetSettings.colour_path
    glow_path: int = ResUnetSettings.glow_path
    colour_table: int = ResUnetSettings.colour_table
    norm: Norm = ResUnetSettings.norm
    monochrome: bool = ResUnetSettings.monochrome
    dtype: DTypeLike = jnp.float32

    spectral_layers: ClassVar[tuple[str, ...]] = ("e2/conv", "e3/conv", "e4/conv")
    """Paths of the convolutions under spectral normalisation, for `nets.spectral`."""

    @nn.compact
    def __call__(self, images: Images) -> jax.Array:
        _check_shape(images.shape)
        self._check_fields()
        images = jnp.asarray(images).astype(jnp.float32)
        features = self._unet(images)
        if self.colour_path:
            features = self._mix_colour(features, images)
        last = self._output()(features).astype(jnp.float32)
        result = self._base(images) + last if self.residual else jnp.tanh(last)
        if self.monochrome:
            return jnp.broadcast_to(result.mean(axis=-1, keepdims=True), result.shape)
        return result

    def _base(self, images: jax.Array) -> jax.Array:
        if not self.colour_table:
            return images
        identity = identity_lut(self.colour_table)
        table = self.param("colour_table", lambda _: jnp.asarray(identity))
        return 2 * jnp.asarray(apply_lut(jax.lax.stop_gradient(table), to_unit(images))) - 1

    def _output(self) -> Callable[[jax.Array], jax.Array]:
        init = nn.initializers.zeros if self.residual else glorot
        if self.colour_path:
            return conv(3, 1, dtype=self.dtype, name="output", kernel_init=init)
        return ThinConv(3, 7, dtype=self.dtype, name="output", kernel_init=init)

    def _unet(self, images: jax.Array) -> jax.Array:
        w = self.width
        kind: dict[str, Any] = {"norm": self.norm, "dtype": self.dtype}
        e1 = ConvBlock(w, size=7, name="e1", **kind)(images)
        e2 = ConvBlock(2 * w, stride=2, name="e2", **kind)(e1)
        e3 = ConvBlock(4 * w, stride=2, name="e3", **kind)(e2)
        x = ConvBlock(8 * w, stride=2, name="e4", **kind)(e3)
        for i in range(self.num_blocks):
            x = ResidualBlock(8 * w, name=f"block{i + 1}", **kind)(x)
        x = UpBlock(4 * w, name="up1", **kind)(x, e3)
        x = UpBlock(2 * w, name="up2", **kind)(x, e2)
        return UpBlock(w, name="up3", **kind)(x, e1)

    def _mix_colour(self, features: jax.Array, images: jax.Array) -> jax.Array:
        colour = self._pointwise(images, "colour1")
        if self.glow_path:
            light = nn.relu(conv(self.glow_path, 1, dtype=self.dtype, name="glow")(images))
            colour = jnp.concatenate([colour, *blur_pyramid(light)], axis=-1)
        colour = self._pointwise(colour, "colour2")
        return self._pointwise(jnp.concatenate([features, colour], axis=-1), "colour_mix")

    def _pointwise(self, x: jax.Array, name: str) -> jax.Array:
        return nn.relu(conv(self.colour_path, 1, dtype=self.dtype, name=name)(x))

    def _check_fields(self) -> None:
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r} of a generator must be one of {', '.join(NORMS)}")
        if self.colour_table == 1:
            raise ValueError("colour_table=1 of a generator must be 0, or 2 nodes or more")
        if self.colour_table and not self.residual:
            raise ValueError("a generator with a colour_table needs residual")
        if self.glow_path and not self.colour_path:
            raise ValueError("a generator with a glow_path needs a colour_path")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[1] % 8 or shape[2] % 8:
        raise ValueError(
            f"the generator needs images [n, h, w, 3] with h and w multiples of 8, got {shape}"
        )
