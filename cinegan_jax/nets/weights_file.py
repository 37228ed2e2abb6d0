"""Safetensors files of frozen networks, as `cinegan convert` writes them."""

import os
from collections.abc import Mapping

import jax
import numpy as np
import safetensors
from jax.typing import ArrayLike

from cinegan_jax.errors import UserError
from cinegan_jax.storage import local_copy, open_path

Path = str | os.PathLike[str]


def read_weights(
    path: Path, network: str, wanted: tuple[str, str], how_to_make: str
) -> tuple[dict[str, jax.Array], dict[str, str]]:
    """The arrays of a weights file by name, and its metadata.

    Args:
        path: local or in a bucket.
        network: its name for people, such as `VGG19`.
        wanted: the metadata's `format` and `format_version`.
        how_to_make: advice on a missing or foreign file; PATH in it becomes the path.

    Raises:
        UserError: there is no such file, or it is not a whole file of that kind; the text says how
            to make one.
    """
    source = open_path(path)
    advice = how_to_make.replace("PATH", str(source))
    if not source.is_file():
        raise UserError(f"No {network} weights at {source}. {advice}")
    try:
        with local_copy(source) as copy, safetensors.safe_open(copy, framework="flax") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise UserError(f"{source} cannot be read ({error}). {advice}") from error
    found = metadata.get("format"), metadata.get("format_version")
    if found != wanted:
        raise UserError(
            f"{source} has format {found[0]} version {found[1]}, wanted {wanted[0]} version "
            f"{wanted[1]}. {advice}"
        )
    return arrays, metadata


def check_shapes(
    arrays: Mapping[str, ArrayLike],
    shapes: Mapping[str, tuple[int, ...]],
    network: str,
    source: Path,
) -> None:
    """Hold every array that is needed against its shape.

    Raises:
        UserError: an array is missing or has another shape; the text names file, array and shapes.
    """
    for name, wanted in shapes.items():
        array = arrays.get(name)
        found = "missing" if array is None else f"of shape {np.shape(array)}"
        if array is None or np.shape(array) != wanted:
            raise UserError(
                f"{source}: {name} is {found}; {network} has {wanted}. "
                f"This is not a {network} weights file, or it is damaged."
            )
