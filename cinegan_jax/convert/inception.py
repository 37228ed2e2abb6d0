"""Convert pytorch-fid's weights of the Inception network for FID to a safetensors file.

Batch norm is folded into the convolutions, in float64. The classifier is left out. The metadata
record the source and its SHA-256.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cinegan_jax.convert.source_files import digests_of_known, read_state_dict
from cinegan_jax.core.errors import UserError
from cinegan_jax.nets.inception import INCEPTION_FORMAT, inception_shapes
from cinegan_jax.nets.weights_file import check_shapes, write_weights

SHA256_PREFIX = "6726825d"
CLASSIFIER = (1008, 2048)
BATCH_NORM_EPSILON = 1e-3

_SOURCE = "pytorch-fid's pt_inception-2015-12-05-6726825d.pth"


def convert_inception(source: Path, output: Path, *, allow_unknown: bool = False) -> None:
    """Write the safetensors file `output` from pytorch-fid's or torch-fidelity's .pth file.

    Args:
        source: `pt_inception-2015-12-05-6726825d.pth`.
        output: written atomically; not changed if anything fails.
        allow_unknown: also accept a file of the same layout with another checksum.

    Raises:
        UserError: the file is missing, damaged, of another kind or with another checksum, or torch
            is not installed.
    """
    sha256 = digests_of_known(
        source,
        lambda digests: digests.sha256.startswith(SHA256_PREFIX),
        f"{_SOURCE}, with SHA-256 {SHA256_PREFIX}...",
        allow_unknown=allow_unknown,
    ).sha256
    state = read_state_dict(source, _SOURCE)
    _check_classes(state, source)
    check_shapes(state, _torch_shapes(), "Inception", source)
    metadata = {"source": source.name, "source_sha256": sha256}
    write_weights(output, _fold_batch_norm(state), INCEPTION_FORMAT, metadata)


def _check_classes(state: Mapping[str, np.ndarray], source: Path) -> None:
    """Refuse torchvision's Inception, which has the same layers, but 1000 classes."""
    classifier = state.get("fc.weight")
    found = "no classifier" if classifier is None else f"a classifier of shape {classifier.shape}"
    if classifier is None or classifier.shape != CLASSIFIER:
        raise UserError(
            f"{source} has {found}, but the Inception of FID has one of {CLASSIFIER}. Scores of "
            f"another network, such as torchvision's with 1000 classes, are not FID; use {_SOURCE}."
        )


def _fold_batch_norm(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return kernels [h, w, in, out] and biases [out] in float64, by the network's paths."""
    arrays = {}
    for path in _layers():
        kernel, scale, bias, mean, variance = (
            state[name].astype(np.float64) for name in _names(path)
        )
        scale = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        arrays[f"{path}/kernel"] = kernel.transpose(2, 3, 1, 0) * scale
        arrays[f"{path}/bias"] = bias - mean * scale
    return arrays


def _torch_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for path, (height, width, inputs, outputs) in _layers().items():
        kernel, *norms = _names(path)
        shapes |= {kernel: (outputs, inputs, height, width), **dict.fromkeys(norms, (outputs,))}
    return shapes


def _layers() -> dict[str, tuple[int, ...]]:
    """Return the shape of each convolution's kernel, by the convolution's path."""
    return {
        path.removesuffix("/kernel"): shape
        for path, shape in inception_shapes().items()
        if path.endswith("/kernel")
    }


def _names(path: str) -> list[str]:
    """Return PyTorch's names of a convolution's kernel and of its batch norm's four arrays."""
    layer = path.replace("/", ".")
    norms = ("weight", "bias", "running_mean", "running_var")
    return [f"{layer}.conv.weight", *(f"{layer}.bn.{norm}" for norm in norms)]
