"""Read the published TensorFlow generator from a `.keras` file of Keras 3."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.convert.keras_file import inside, numbered, open_weights, read_keras_arrays
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Params
from cinegan_jax.nets.res_unet import ResUnetGenerator

MAX_WIDTH, MAX_BLOCKS = 1024, 64

# Correspondence of layers: for each kind of Keras layer, our modules in the order in which Keras
# numbers its layers; within a layer, our module and the attribute of the Keras layer.
_ENCODER, _DECODER = ("e2", "e3", "e4"), ("up1", "up2", "up3")
_CONVS = (
    "e1/conv",
    *(f"{up}/{part}" for up in _DECODER for part in ("conv", "join/conv")),
    "output",
)
_NORMS = (
    *(f"{stage}/norm" for stage in ("e1", *_ENCODER)),
    *(f"{up}/{part}" for up in _DECODER for part in ("norm", "join/norm")),
)
_BLOCK = {"first/conv": "conv1", "first/norm": "norm1", "conv": "conv2", "norm": "norm2"}
_GATE = {"squeeze": "dense1", "excite": "dense2"}


def read_keras_generator(path: Path) -> tuple[ResUnetGenerator, Params]:
    """Read a generator of any width and number of blocks from a `.keras` file.

    Kernels are used as they are stored: those under Keras' spectral normalisation are already
    normalised, and its `vector_u` is for training only.

    Raises:
        UserError: the file is missing, damaged or not a `.keras` file, lacks a layer, or its arrays
            are not those of the published generator.
    """
    with open_weights(path) as file:
        layers = inside(file, "layers")
        datasets = dict(_datasets(layers))
        generator = ResUnetGenerator(_width(datasets["e1/conv/kernel"]), len(_blocks(layers)))
        _check_shapes(generator, datasets)
        return generator, unflatten_dict(read_keras_arrays(datasets), sep="/")


def _datasets(layers: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the arrays of the file under our parameter names."""
    for name, layer in _layers(layers):
        for i, part in enumerate(("scale" if name.endswith("norm") else "kernel", "bias")):
            dataset = inside(layer, f"vars/{i}")
            if not isinstance(dataset, h5py.Dataset):
                raise UserError(f"{dataset.name} is not an array")
            yield f"{name}/{part}", dataset


def _layers(layers: h5py.Group) -> Iterator[tuple[str, h5py.Group]]:
    """Yield the layers of the file under our module names."""
    yield from zip(_CONVS, _all(layers, "conv2d", len(_CONVS)), strict=True)
    yield from zip(_NORMS, _all(layers, "group_normalization", len(_NORMS)), strict=True)
    for stage, layer in zip(_ENCODER, _all(layers, "spectral_normalization", 3), strict=True):
        yield f"{stage}/conv", inside(layer, "layer")
    for up, gate in zip(_DECODER, _all(layers, "se_block", 3), strict=True):
        yield from ((f"{up}/gate/{ours}", inside(gate, theirs)) for ours, theirs in _GATE.items())
    for i, block in enumerate(_blocks(layers), start=1):
        yield from ((f"block{i}/{ours}", inside(block, theirs)) for ours, theirs in _BLOCK.items())


def _all(layers: h5py.Group, kind: str, count: int) -> list[h5py.Group]:
    found = numbered(layers, kind)
    if len(found) != count:
        names = ", ".join(layer.name for layer in found[:20]) or "none"
        raise UserError(
            f"the generator has {count} layers {kind}, but the file {len(found)}: {names}"
        )
    return found


def _blocks(layers: h5py.Group) -> list[h5py.Group]:
    found = numbered(layers, "residual_block")
    if len(found) > MAX_BLOCKS:
        raise UserError(
            f"the file has {len(found)} layers residual_block; at most {MAX_BLOCKS} are read"
        )
    return found


def _width(first: h5py.Dataset) -> int:
    if len(first.shape) != 4 or not 0 < first.shape[3] <= MAX_WIDTH:
        raise UserError(
            f"{first.name} has the shape {first.shape}, but must have (7, 7, 3, width) with a "
            f"width of at most {MAX_WIDTH}"
        )
    return int(first.shape[3])


def _check_shapes(generator: ResUnetGenerator, datasets: Mapping[str, h5py.Dataset]) -> None:
    """Raise UserError for a wrong shape, before any array is read."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    params = jax.eval_shape(generator.init, jax.random.key(0), image)["params"]
    for name, wanted in flatten_dict(params, sep="/").items():
        found = datasets[name]
        if found.shape != wanted.shape:
            raise UserError(
                f"{found.name} has the shape {found.shape}, but {name} of a generator of width "
                f"{generator.width} needs {wanted.shape}"
            )
