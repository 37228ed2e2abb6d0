"""Weight files of other programs: checksums, and safe reading of PyTorch files."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.nets.weights_file import check_shapes


class Digests(NamedTuple):
    """Checksums of one file, in hexadecimal."""

    md5: str
    sha256: str

    def __str__(self) -> str:
        return f"MD5 {self.md5}, SHA-256 {self.sha256}"


def digests_of_known(
    source: Path, known: Callable[[Digests], bool], wanted: str, *, allow_unknown: bool
) -> Digests:
    """Return the checksums of the file to convert.

    Args:
        source: the file.
        known: function that returns True for the checksums of an accepted file.
        wanted: the accepted files and their checksums, in words that follow "it is not".
        allow_unknown: also accept a file with other checksums.

    Raises:
        UserError: the file is missing or is not accepted.
    """
    if not source.is_file():
        raise UserError(f"No file {source}.")
    digests = file_digests(source)
    if not allow_unknown and not known(digests):
        raise UserError(
            f"{source} has {digests}; it is not {wanted}. Download the file again, or add "
            "--allow-unknown if you trust it."
        )
    return digests


def file_digests(path: Path) -> Digests:
    """Compute MD5 and SHA-256 of a file in one pass."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return Digests(md5.hexdigest(), sha256.hexdigest())


def read_state_dict(path: Path, wanted: str) -> dict[str, np.ndarray]:
    """Read the arrays of a state dict by name, without running code from the file.

    Args:
        path: a file written by `torch.save`.
        wanted: description of the expected file, for the error.

    Raises:
        UserError: torch is not installed, or the file is damaged or of another kind.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(f"Reading {path} needs torch: {how_to_install('torch')}") from error
    try:
        _check_stored_size(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: array.numpy() for name, array in state.items()}
    except Exception as error:  # torch raises many types for damaged files
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path} is damaged, or not {wanted}: {reason}") from error


def _check_stored_size(path: Path) -> None:
    """Raise ValueError for a compressed zip, which PyTorch never writes and which can be a bomb."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        declared = sum(member.file_size for member in archive.infolist())
    if declared > path.stat().st_size:
        raise ValueError(f"its parts have {declared:,} bytes, but the file fewer")


def convolution_arrays(
    state: Mapping[str, np.ndarray],
    modules: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
    network: str,
    source: Path,
) -> dict[str, np.ndarray]:
    """Return kernels and biases of convolutions, with kernels transposed from OIHW to HWIO.

    Args:
        state: a state dict.
        modules: names of PyTorch's modules, by our paths of the layers.
        shapes: shapes of the arrays, by our paths.
        network: name of the network, for the error.
        source: the file, for the error.

    Returns:
        The arrays by our paths, such as `block1_conv1/kernel`.

    Raises:
        UserError: an array is missing or has another shape; the text has its PyTorch name.
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
