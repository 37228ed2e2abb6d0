"""Convert torchvision's weights of an LPIPS backbone to one safetensors file.

The published linear heads, which are part of the package, are added to the file. The metadata
record the backbone's source and its SHA-256.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy

from cinegan_jax.convert.source_files import convolution_arrays, digests_of_known, read_state_dict
from cinegan_jax.metrics.lpips import LPIPS_FORMAT, lpips_weight_shapes
from cinegan_jax.nets.lpips_backbones import VGG16_BLOCKS
from cinegan_jax.nets.weights_file import write_weights


class TorchvisionFile(NamedTuple):
    """Weight file of torchvision.

    Attributes:
        network: name of the network, for errors.
        name: name of the file.
        sha256_prefixes: first digits of the accepted checksums.
        features: index of each of our layers in the network's `features`.
    """

    network: str
    name: str
    sha256_prefixes: tuple[str, ...]
    features: Mapping[str, int]


_VGG16_LAYERS = [
    f"block{block}_conv{i}"
    for block, (_, convolutions) in enumerate(VGG16_BLOCKS, start=1)
    for i in range(1, convolutions + 1)
]
_VGG16_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)

TORCHVISION_FILES: Mapping[str, TorchvisionFile] = {
    "alex": TorchvisionFile(
        "torchvision AlexNet",
        "alexnet-owt-7be5be79.pth",
        ("7be5be79", "4df8aa71"),  # the same weights: the current file and an older one
        {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10},
    ),
    "vgg": TorchvisionFile(
        "torchvision VGG16",
        "vgg16-397923af.pth",
        ("397923af",),
        dict(zip(_VGG16_LAYERS, _VGG16_PLACES, strict=True)),
    ),
}


def convert_lpips(source: Path, output: Path, net: str, *, allow_unknown: bool = False) -> None:
    """Write the safetensors file `output` from torchvision's file of a backbone.

    Args:
        source: `alexnet-owt-7be5be79.pth` for `alex`, `vgg16-397923af.pth` for `vgg`.
        output: written atomically; not changed if anything fails.
        net: `alex` or `vgg`.
        allow_unknown: also accept a file of the same layout with another checksum.

    Raises:
        UserError: the file is missing, damaged, of another kind or with another checksum, or torch
            is not installed.
    """
    file = TORCHVISION_FILES[net]
    prefixes = " or ".join(f"{prefix}..." for prefix in file.sha256_prefixes)
    sha256 = digests_of_known(
        source,
        lambda digests: digests.sha256.startswith(file.sha256_prefixes),
        f"torchvision's {file.name} (which --net {net} asks for), with SHA-256 {prefixes}",
        allow_unknown=allow_unknown,
    ).sha256
    state = read_state_dict(source, f"torchvision's {file.name}")
    modules = {f"backbone/{layer}": f"features.{place}" for layer, place in file.features.items()}
    arrays = convolution_arrays(state, modules, lpips_weight_shapes(net), file.network, source)
    arrays |= {f"heads/{i}": head for i, head in enumerate(read_heads(net), start=1)}
    metadata = {"net": net, "source": source.name, "source_sha256": sha256}
    write_weights(output, arrays, LPIPS_FORMAT, metadata)


def read_heads(net: str) -> list[np.ndarray]:
    """Return the published weights of each layer's channels: float32 [channels], non-negative."""
    file = resources.files("cinegan_jax.convert") / "lpips_heads" / "heads.safetensors"
    arrays = safetensors.numpy.load(file.read_bytes())
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{net}/")]
