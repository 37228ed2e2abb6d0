"""Convert Keras' or torchvision's VGG19 weights to one small safetensors file.

Only the layers up to block4_conv2 are kept. The metadata record the source, its SHA-256 and the
preprocessing that the weights need.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pooch
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.convert.keras_file import inside, read_keras_arrays
from cinegan_jax.convert.source_files import (
    Digests,
    convolution_arrays,
    digests_of_known,
    read_state_dict,
)
from cinegan_jax.core.errors import UserError
from cinegan_jax.nets.vgg19 import VGG19_BLOCKS, VGG19_FORMAT, check_layers, layer_shapes
from cinegan_jax.nets.weights_file import write_weights

KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_NOTOP_MD5 = "253f8cb515780f3b799900260a226db6"
KERAS_FULL_MD5 = "cbe5617147190e668d6c5d5026f83318"
TORCHVISION_SHA256_PREFIX = "dcbb9e9d"

Layers = Mapping[str, Mapping[str, np.ndarray]]

LAYER_NAMES = tuple(
    f"block{block}_conv{i}"
    for block, (_, convolutions) in enumerate(VGG19_BLOCKS, start=1)
    for i in range(1, convolutions + 1)
)
TORCHVISION_FEATURES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21)
"""Index of each of `LAYER_NAMES` in torchvision's `vgg19().features`."""


def convert_vgg19(source: Path, output: Path, *, allow_unknown: bool = False) -> None:
    """Write the safetensors file `output` from a Keras .h5 or torchvision .pth file.

    Args:
        source: `vgg19_weights_tf_dim_ordering_tf_kernels[_notop].h5` or `vgg19-dcbb9e9d.pth`.
        output: written atomically; not changed if anything fails.
        allow_unknown: also accept a file of the same layout with another checksum.

    Raises:
        UserError: the file is missing, damaged, of another kind or with another checksum, or torch
            is needed and not installed.
    """
    digests = digests_of_known(source, _is_official, _official(), allow_unknown=allow_unknown)
    keras = h5py.is_hdf5(source)
    layers = read_keras(source) if keras else read_torchvision(source)
    check_layers(layers, source)
    metadata = {
        "source": source.name,
        "source_sha256": digests.sha256,
        "preprocessing": "keras" if keras else "torchvision",
    }
    write_weights(output, flatten_dict(layers, sep="/"), VGG19_FORMAT, metadata)


def download_keras() -> Path:
    """Download Keras' official file without the top, or find it in the user's cache.

    Raises:
        UserError: the download failed, or the downloaded file has another checksum.
    """
    try:
        return Path(
            pooch.retrieve(
                KERAS_URL,
                known_hash=f"md5:{KERAS_NOTOP_MD5}",
                fname=KERAS_URL.rsplit("/", 1)[1],
                path=pooch.os_cache("cinegan-jax"),
            )
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"Could not download {KERAS_URL}: {error}\nDownload it on another machine, then run "
            "`cinegan convert vgg19 FILE`."
        ) from error


def read_keras(path: Path) -> Layers:
    """Read the layers of a Keras weights file in the legacy HDF5 layout.

    Each layer is a group whose attribute `weight_names` lists its kernel, then its bias.

    Raises:
        UserError: the file is damaged or of another layout.
    """
    try:
        with h5py.File(path) as file:
            return {name: _read_keras_layer(inside(file, name)) for name in LAYER_NAMES}
    except Exception as error:  # h5py raises many types for damaged files
        raise UserError(
            f"{path} is damaged, or not a Keras weights file in the legacy layout: {error}"
        ) from error


def read_torchvision(path: Path) -> Layers:
    """Read the layers of a torchvision state dict, with kernels transposed from OIHW to HWIO.

    Raises:
        UserError: torch is not installed, or the file is damaged or not a VGG19 state dict.
    """
    places = zip(LAYER_NAMES, TORCHVISION_FEATURES, strict=True)
    modules = {name: f"features.{place}" for name, place in places}
    shapes = flatten_dict(layer_shapes(), sep="/")
    state = read_state_dict(path, "Keras' .h5 or torchvision's VGG19 .pth")
    return unflatten_dict(convolution_arrays(state, modules, shapes, "VGG19", path), sep="/")


def _is_official(digests: Digests) -> bool:
    return digests.md5 in (KERAS_NOTOP_MD5, KERAS_FULL_MD5) or digests.sha256.startswith(
        TORCHVISION_SHA256_PREFIX
    )


def _official() -> str:
    return (
        f"one of the official VGG19 files, with MD5 {KERAS_NOTOP_MD5} or {KERAS_FULL_MD5} (Keras, "
        f"without and with the top) or SHA-256 {TORCHVISION_SHA256_PREFIX}... (torchvision)"
    )


def _read_keras_layer(group: h5py.Group) -> dict[str, np.ndarray]:
    names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
    kernel, bias = (inside(group, name) for name in names)
    return read_keras_arrays({"kernel": kernel, "bias": bias})
