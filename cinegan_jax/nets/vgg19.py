"""VGG19 (arXiv 1409.1556) up to block4_conv2, the eye of the perceptual loss.

Its weights come from a file made by `cinegan convert vgg19`. They are a frozen argument of the
training step: never trained, never in a checkpoint, and never random.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import cast

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import ArrayLike, DTypeLike

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images, Params
from cinegan_jax.nets.weights_file import check_shapes, read_weights

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 2))
"""Channels and number of convolutions of each block, as far as block4_conv2."""

LAYERS = tuple(
    f"block{block}_conv{i}"
    for block, (_, convolutions) in enumerate(BLOCKS, start=1)
    for i in range(1, convolutions + 1)
)
"""The convolutions' names, in the order of the network."""

PUBLISHED_LAYER = "block4_conv2"
"""The layer that CineGAN compares pictures in."""

PREPROCESSINGS = ("keras", "torchvision")
FORMAT, FORMAT_VERSION = "cinegan-vgg19", "1"
_HOW_TO_MAKE = (
    "Make the file with `cinegan convert vgg19 --download -o PATH`, or from Keras' or "
    "torchvision's own file with `cinegan convert vgg19 FILE -o PATH`. "
    "To train without it, set the weight of the perceptual loss to 0."
)

_KERAS_BGR_MEANS = (103.939, 116.779, 123.68)
_TORCHVISION_MEANS, _TORCHVISION_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@flax.struct.dataclass
class Vgg19Weights:
    """The convolutions by name, and the input formula that they were trained with.

    Attributes:
        layers: `block1_conv1` ... `block4_conv2`, each with a float32 `kernel` [3, 3, in, out]
            and `bias` [out].
        preprocessing: `keras` or `torchvision`.
    """

    layers: Params
    preprocessing: str = flax.struct.field(pytree_node=False)


class Vgg19(nn.Module):
    """Pictures [n, h, w, 3] signed to features after the ReLUs of some layers, by layer.

    Block b's are [n, h / 2**(b-1), w / 2**(b-1), c]. Nothing is computed past the deepest one.

    Attributes:
        preprocessing: the input formula, `keras` or `torchvision`; applied in float32.
        layers: names in `LAYERS`.
        dtype: of the activations.
    """

    preprocessing: str
    layers: tuple[str, ...] = (PUBLISHED_LAYER,)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Images) -> dict[str, jax.Array]:
        x, found = preprocess(images, self.preprocessing), {}
        for block, (channels, convolutions) in enumerate(BLOCKS, start=1):
            for i in range(1, convolutions + 1):
                name = f"block{block}_conv{i}"
                x = nn.Conv(channels, (3, 3), dtype=self.dtype, name=name)(x)
                if name in self.layers:
                    found[name] = nn.relu(x)
                if len(found) == len(self.layers):
                    return found
                if i == convolutions and block < len(BLOCKS):
                    # Before the ReLU: the same result, and less to keep for the gradient.
                    x = nn.max_pool(x, (2, 2), strides=(2, 2))
                x = nn.relu(x)
        raise ValueError(f"layers {self.layers} are not all among {', '.join(LAYERS)}")


@dataclasses.dataclass(frozen=True)
class Features:
    """`Vgg19` with its weights: call it with pictures [n, h, w, 3] signed."""

    weights: Vgg19Weights
    dtype: DTypeLike = jnp.float32
    layers: tuple[str, ...] = (PUBLISHED_LAYER,)

    def __call__(self, images: Images) -> dict[str, jax.Array]:
        network = Vgg19(self.weights.preprocessing, self.layers, self.dtype)
        features = network.apply({"params": self.weights.layers}, images)
        return cast(dict[str, jax.Array], features)


def preprocess(images: Images, formula: str) -> jax.Array:
    """Signed pictures [n, h, w, 3] as VGG19's float32 input.

    `keras`: 0..255, channels reversed to BGR, minus the ImageNet means. `torchvision`: 0..1, RGB,
    minus the means, divided by the standard deviations.

    Raises:
        ValueError: an unknown formula; the text lists the known ones.
    """
    unit = (jnp.asarray(images).astype(jnp.float32) + 1.0) / 2.0
    if formula == "keras":
        return 255.0 * unit[..., ::-1] - _per_channel(_KERAS_BGR_MEANS)
    if formula == "torchvision":
        return (unit - _per_channel(_TORCHVISION_MEANS)) / _per_channel(_TORCHVISION_DEVIATIONS)
    raise ValueError(f"unknown VGG19 preprocessing {formula!r}; known: {', '.join(PREPROCESSINGS)}")


def layer_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of every layer's `kernel` and `bias`, in the order of the network."""
    return jax.tree.map(lambda leaf: leaf.shape, weight_shapes().layers)


def weight_shapes() -> Vgg19Weights:
    """Shapes that stand in for the weights, with Keras' input formula."""
    variables = jax.eval_shape(Vgg19("keras").init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    return Vgg19Weights(variables["params"], "keras")


def check_layers(
    layers: Mapping[str, Mapping[str, ArrayLike]], source: str | os.PathLike[str]
) -> None:
    """Hold every array against VGG19's shapes.

    Raises:
        UserError: an array is missing or has another shape; the text names file, array and shapes.
    """
    shapes = flatten_dict(layer_shapes(), sep="/")
    check_shapes(flatten_dict(layers, sep="/"), shapes, "VGG19", source)


def load_vgg19(path: str | os.PathLike[str]) -> Vgg19Weights:
    """Read the safetensors file that `cinegan convert vgg19` writes.

    Raises:
        UserError: there is no such file, or it is not a whole file of that kind; the text says how
            to make one.
    """
    arrays, metadata = read_weights(path, "VGG19", (FORMAT, FORMAT_VERSION), _HOW_TO_MAKE)
    preprocessing = metadata.get("preprocessing")
    if preprocessing not in PREPROCESSINGS:
        raise UserError(
            f"{path} asks for preprocessing {preprocessing!r}; known: {', '.join(PREPROCESSINGS)}"
        )
    layers = unflatten_dict(arrays, sep="/")
    check_layers(layers, path)
    return Vgg19Weights(layers, preprocessing)


def _per_channel(values: tuple[float, ...]) -> jax.Array:
    return jnp.reshape(jnp.asarray(values, jnp.float32), (1, 1, 1, -1))
