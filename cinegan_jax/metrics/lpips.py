"""LPIPS: learned perceptual image patch similarity (arXiv 1801.03924), version 0.1.

Its weights are a trained backbone and the published linear heads, in a file that
`cinegan convert lpips` makes.
"""

import functools
import os
from collections.abc import Mapping
from typing import NamedTuple

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images, Params
from cinegan_jax.metrics.image_checks import checked_images
from cinegan_jax.nets.lpips_backbones import (
    ALEXNET_SMALLEST_SIDE,
    VGG16_SMALLEST_SIDE,
    AlexNetFeatures,
    Vgg16Features,
)
from cinegan_jax.nets.vgg19 import preprocess
from cinegan_jax.nets.weights_file import WeightsFormat, check_shapes, read_weights


class Backbone(NamedTuple):
    """A network, and the shortest side of images for which its last features are not empty."""

    network: nn.Module
    smallest_side: int


BACKBONES: Mapping[str, Backbone] = {
    "alex": Backbone(AlexNetFeatures(), ALEXNET_SMALLEST_SIDE),
    "vgg": Backbone(Vgg16Features(), VGG16_SMALLEST_SIDE),
}
"""Backbones by LPIPS' names for them."""

LPIPS_FORMAT = WeightsFormat("cinegan-lpips", "1")
_HOW_TO_MAKE = (
    "Make the file from torchvision's own alexnet-owt-7be5be79.pth or vgg16-397923af.pth with "
    "`cinegan convert lpips FILE PATH --net alex` or `--net vgg`."
)


@flax.struct.dataclass
class Lpips:
    """LPIPS with its weights; called as any metric of image pairs.

    Attributes:
        backbone: the network's parameters.
        heads: the weights of each layer's channels, five float32 [channels], zero or more.
        net: `alex` or `vgg`.
    """

    backbone: Params
    heads: tuple[jax.Array, ...]
    net: str = flax.struct.field(pytree_node=False)

    @property
    def name(self) -> str:
        """`lpips_alex` or `lpips_vgg`."""
        return f"lpips_{self.net}"

    @property
    def smallest_side(self) -> int:
        """Shortest side of images that can be scored, in pixels."""
        return BACKBONES[self.net].smallest_side

    def __call__(
        self, images: Images, references: Images, *, ignore_nans: bool = False
    ) -> jax.Array:
        """Compute LPIPS: 0 for equal images, mostly below 1.

        Args:
            images: unit [n, h, w, 3], sRGB-encoded, both sides at least 31 (alex) or 16 (vgg).
            references: unit [n, h, w, 3], sRGB-encoded.
            ignore_nans: treat pixels that are NaN, at the bottom and right, as padding that does
                not change the score, instead of scoring NaN.

        Returns:
            float32 [n].

        Raises:
            ValueError: a side is too short, or as `checked_images`.
        """
        return _lpips(self, images, references, ignore_nans=ignore_nans)


@functools.partial(jax.jit, static_argnames="ignore_nans")
def _lpips(lpips: Lpips, images: Images, references: Images, *, ignore_nans: bool) -> jax.Array:
    images, references = checked_images(
        lpips.name, images, references, smallest_side=lpips.smallest_side
    )
    missing = jnp.isnan(images + references).any(axis=-1, keepdims=True)
    network = BACKBONES[lpips.net].network
    features = (
        network.apply({"params": lpips.backbone}, _network_input(pixels, missing), ~missing)
        for pixels in (images, references)
    )
    score = jnp.zeros(len(images))
    for head, (one, inside), (other, _) in zip(lpips.heads, *features, strict=True):
        squares = jnp.square(_unit(one) - _unit(other))
        difference = jnp.einsum("nhwc,c->nhw", squares, head, precision="highest")
        score += jnp.mean(difference, axis=(1, 2), where=inside[..., 0])
    return score if ignore_nans else jnp.where(missing.any(axis=(1, 2, 3)), jnp.nan, score)


def _network_input(images: jax.Array, missing: jax.Array) -> jax.Array:
    """Apply the scaling layer of LPIPS: torchvision's formula, written for signed images."""
    return jnp.where(missing, 0, preprocess(2 * images - 1, "torchvision"))


def _unit(features: jax.Array) -> jax.Array:
    """Scale the channels of each position to a norm of 1."""
    norm = jnp.sqrt(jnp.sum(jnp.square(features), axis=-1, keepdims=True))
    return features / (norm + 1e-10)


def load_lpips(path: str | os.PathLike[str]) -> Lpips:
    """Read the safetensors file that `cinegan convert lpips` writes.

    Raises:
        UserError: there is no such file, or it is no complete file of that kind; the message says
            how to make one.
    """
    arrays, metadata = read_weights(path, "LPIPS", LPIPS_FORMAT, _HOW_TO_MAKE)
    net = metadata.get("net", "none")
    if net not in BACKBONES:
        raise UserError(f"{path} has the backbone {net!r}; known: {', '.join(BACKBONES)}")
    shapes = lpips_weight_shapes(net)
    check_shapes(arrays, shapes, f"LPIPS {net}", path)
    weights = unflatten_dict({name: arrays[name] for name in shapes}, sep="/")
    heads = tuple(weights["heads"][str(i)] for i in range(1, len(weights["heads"]) + 1))
    return Lpips(weights["backbone"], heads, net)


def lpips_weight_shapes(net: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file's arrays: `backbone/...` and `heads/1` to `heads/5`."""
    backbone = BACKBONES[net]
    image = jnp.zeros((1, backbone.smallest_side, backbone.smallest_side, 3))
    (features, variables) = jax.eval_shape(
        functools.partial(backbone.network.init_with_output, jax.random.key(0)),
        image,
        image[..., :1] == 0,
    )
    heads = {str(i): layer.shape[-1:] for i, (layer, _) in enumerate(features, start=1)}
    layers = jax.tree.map(lambda leaf: leaf.shape, variables["params"])
    return flatten_dict({"backbone": layers, "heads": heads}, sep="/")
