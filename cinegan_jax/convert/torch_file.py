"""Reads arrays, and only those, from PyTorch's `.pth` files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cinegan_jax.errors import UserError, how_to_install
from cinegan_jax.nets.weights_file import check_shapes


def read_state_dict(path: Path, wanted: str) -> dict[str, np.ndarray]:
    """The arrays of a state dict by name; no code in the file is run.

    Args:
        path: of a file by `torch.save`.
        wanted: what the file should be, for the error.

    Raises:
        UserError: torch is not installed, or the file is damaged or holds something else.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(f"Reading {path} needs torch: {how_to_install('torch')}") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: array.numpy() for name, array in state.items()}
    except Exception as error:  # torch's reader raises whatever a damaged file leads it to
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} is damaged, or not {wanted}: {reason}") from error


def convolution_arrays(
    state: Mapping[str, np.ndarray],
    modules: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
    network: str,
    source: Path,
) -> dict[str, np.ndarray]:
    """The `kernel` and `bias` of convolutions, kernels turned from OIHW to HWIO.

    Args:
        state: a state dict.
        modules: our paths of the layers, and the names of PyTorch's modules.
        shapes: of the arrays, by our paths.
        network: its name, for the error.
        source: the file, for the error.

    Returns:
        The arrays by our paths, such as `block1_conv1/kernel`.

    Raises:
        UserError: an array is missing or has another shape; the text names it as PyTorch does.
    """
    arrays = {}
    for path, module in modules.items():
        kernel, bias = f"{path}/kernel", f"{path}/bias"
        height, width, inputs, outputs = shapes[kernel]
        wanted = {
            f"{module}.weight": (outputs, inputs, height, width),
            f"{module}.bias": (outputs,),
        }
        check_shapes(state, wanted, network, source)
        arrays[kernel] = state[f"{module}.weight"].transpose(2, 3, 1, 0)
        arrays[bias] = state[f"{module}.bias"]
    return arrays
