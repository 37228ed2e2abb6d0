"""Weight files of other programs: download, checksum, and safe reading of PyTorch files."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.nets.weights_file import check_shapes


class Digests(NamedTuple):
    """Hexadecimal checksums of one file."""

    md5: str
    sha256: str

    def __str__(self) -> str:
        return f"MD5 {self.md5}, SHA-256 {self.sha256}"


def digests_of_known(
    source: Path, known: Callable[[Digests], bool], wanted: str, *, allow_unknown: bool
) -> Digests:
    """The checksums of the file to convert.

    Args:
        source: the file.
        known: whether they are those of a file that is wanted.
        wanted: these files and their checksums, in words that follow "it is not".
        allow_unknown: also take a file with other checksums.

    Raises:
        UserError: no such file, or another than wanted.
    """
    if not source.is_file():
        raise UserError(f"No file {source}.")
    digests = file_digests(source)
    if not allow_unknown and not known(digests):
        raise UserError(
            f"{source} has {digests}; it is not {wanted}. The download may be incomplete. If you "
            "trust the file, add --allow-unknown."
        )
    return digests


def file_digests(path: Path) -> Digests:
    """MD5 and SHA-256 of a file, read once."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return Digests(md5.hexdigest(), sha256.hexdigest())


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
