"""VGG19 (arXiv 1409.1556) up to block4_conv2, the feature extractor of the perceptual loss.

`cinegan convert vgg19` makes the file of its weights. They are a frozen argument of the training
step: never trained, never random, and never part of a checkpoint.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import cast

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import DTypeLike

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images, Params
from cinegan_jax.nets.weights_file import WeightsFormat, check_shapes, read_weights

VGG19_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 2))
"""Channels and number of convolutions of each block, up to block4_conv2."""

LAYERS = tuple(
    f"block{block}_conv{i}"
    for block, (_, convolutions) in enumerate(VGG19_BLOCKS, start=1)
    for i in range(1, convolutions + 1)
)
"""Names of the convolutions, in the order of the network."""

PUBLISHED_LAYER = "block4_conv2"
"""The layer whose features CineGAN compares."""

PREPROCESSINGS = ("keras", "torchvision")
VGG19_FORMAT = WeightsFormat("cinegan-vgg19", "1")
_HOW_TO_MAKE = (
    "Make the file with `cinegan convert vgg19 --download -o PATH`, or from Keras' or "
    "torchvision's own file with `cinegan convert vgg19 FILE -o PATH`. "
    "To train without it, set the weight of the perceptual loss to 0."
)

_KERAS_BGR_MEANS = (103.939, 116.779, 123.68)
_TORCHVISION_MEANS, _TORCHVISION_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@flax.struct.dataclass
class Vgg19Weights:
    """The convolutions' weights by name, and the preprocessing that they were trained with.

    Attributes:
        layers: `block1_conv1` ... `block4_conv2`, each with a float32 `kernel` [3, 3, in, out]
            and `bias` [out].
        preprocessing: `keras` or `torchvision`.
    """

    layers: Params
    preprocessing: str = flax.struct.field(pytree_node=False)


class Vgg19(nn.Module):
    """VGG19's features: signed images [n, h, w, 3] to the ReLUs of some layers, by layer name.

    Features of block b are [n, h / 2**(b-1), w / 2**(b-1), c]. Nothing is computed past the deepest
    of the layers.

    Attributes:
        preprocessing: `keras` or `torchvision` (see `preprocess`).
        layers: names in `LAYERS`.
        dtype: of the activations.
    """

    preprocessing: str
    layers: tuple[str, ...] = (PUBLISHED_LAYER,)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Images) -> dict[str, jax.Array]:
        x, found = preprocess(images, self.preprocessing), {}
        for block, (channels, convolutions) in enumerate(VGG19_BLOCKS, start=1):
            for i in range(1, convolutions + 1):
                name = f"block{block}_conv{i}"
                x = nn.Conv(channels, (3, 3), dtype=self.dtype, name=name)(x)
                if name in self.layers:
                    found[name] = nn.relu(x)
                if len(found) == len(self.layers):
                    return found
                if i == convolutions and block < len(VGG19_BLOCKS):
                    # Before the ReLU: the same result, with less to keep for the gradient.
                    x = nn.max_pool(x, (2, 2), strides=(2, 2))
                x = nn.relu(x)
        raise ValueError(f"layers {self.layers} are not all among {', '.join(LAYERS)}")


@dataclasses.dataclass(frozen=True)
class Features:
    """`Vgg19` with its weights bound: a function of signed images [n, h, w, 3]."""

    weights: Vgg19Weights
    dtype: DTypeLike = jnp.float32
    layers: tuple[str, ...] = (PUBLISHED_LAYER,)

    def __call__(self, images: Images) -> dict[str, jax.Array]:
        network = Vgg19(self.weights.preprocessing, self.layers, self.dtype)
        features = network.apply({"params": self.weights.layers}, images)
        return cast(dict[str, jax.Array], features)


def preprocess(images: Images, formula: str) -> jax.Array:
    """Convert signed images [n, h, w, 3] to VGG19's float32 input.

    Args:
        images: signed [n, h, w, 3].
        formula: `keras` for 0..255, channels reversed to BGR, minus the ImageNet means;
            `torchvision` for 0..1, RGB, minus the means, divided by the standard deviations.

    Raises:
        ValueError: the formula is unknown; the message lists the known ones.
    """
    unit = (jnp.asarray(images).astype(jnp.float32) + 1.0) / 2.0
    if formula == "keras":
        return 255.0 * unit[..., ::-1] - _per_channel(_KERAS_BGR_MEANS)
    if formula == "torchvision":
        return (unit - _per_channel(_TORCHVISION_MEANS)) / _per_channel(_TORCHVISION_DEVIATIONS)
    raise ValueError(f"unknown VGG19 preprocessing {formula!r}; known: {', '.join(PREPROCESSINGS)}")


def layer_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shape of every layer's `kernel` and `bias`, in the order of the network."""
    return jax.tree.map(lambda leaf: leaf.shape, vgg19_shapes().layers)


def vgg19_shapes() -> Vgg19Weights:
    """Return the weights as `ShapeDtypeStruct`s, with Keras' preprocessing."""
    variables = jax.eval_shape(Vgg19("keras").init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    return Vgg19Weights(variables["params"], "keras")


def check_layers(
    layers: Mapping[str, Mapping[str, np.ndarray | jax.Array]], source: str | os.PathLike[str]
) -> None:
    """Check that every array of VGG19 is there and has its shape.

    Raises:
        UserError: an array is missing or has another shape; the message names file, array and
            shapes.
    """
    shapes = flatten_dict(layer_shapes(), sep="/")
    check_shapes(flatten_dict(layers, sep="/"), shapes, "VGG19", source)


def load_vgg19(path: str | os.PathLike[str]) -> Vgg19Weights:
    """Read the safetensors file that `cinegan convert vgg19` writes.

    Raises:
        UserError: the file is missing, damaged or of another kind; the message says how to make
            one.
    """
    arrays, metadata = read_weights(path, "VGG19", VGG19_FORMAT, _HOW_TO_MAKE)
    preprocessing = metadata.get("preprocessing")
    if preprocessing not in PREPROCESSINGS:
        raise UserError(
            f"{path} has preprocessing {preprocessing!r}, which is not one of "
            f"{', '.join(PREPROCESSINGS)}. {_HOW_TO_MAKE.replace('PATH', str(path))}"
        )
    shapes = flatten_dict(layer_shapes(), sep="/")
    check_shapes(arrays, shapes, "VGG19", path)
    layers = unflatten_dict({name: arrays[name] for name in shapes}, sep="/")
    return Vgg19Weights(layers, preprocessing)


def _per_channel(values: tuple[float, ...]) -> jax.Array:
    return jnp.reshape(jnp.asarray(values, jnp.float32), (1, 1, 1, -1))
