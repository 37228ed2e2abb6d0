"""Safetensors files of frozen networks, as `cinegan convert` writes them."""

import os
import pathlib
from collections.abc import Mapping

import jax
import numpy as np
import safetensors
import safetensors.numpy
from jax.typing import ArrayLike

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import local_copy, open_path, write_whole

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


def write_weights(
    path: pathlib.Path,
    arrays: Mapping[str, np.ndarray],
    kind: tuple[str, str],
    metadata: Mapping[str, str],
) -> None:
    """Replaces a weights file whole, its arrays in float32, or leaves it as it was.

    Args:
        path: to write; folders above it are made.
        arrays: by name.
        kind: for the metadata's `format` and `format_version`.
        metadata: what else it is to say.

    Raises:
        UserError: it cannot be written.
    """
    ready = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    marks = {"format": kind[0], "format_version": kind[1]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, safetensors.numpy.save(ready, marks | dict(metadata)))
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error}") from error


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
