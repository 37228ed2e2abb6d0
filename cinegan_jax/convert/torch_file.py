"""Reads arrays, and only those, from PyTorch's `.pth` files."""

from pathlib import Path

import numpy as np

from cinegan_jax.errors import UserError, how_to_install


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
