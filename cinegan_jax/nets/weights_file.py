"""Weights files of frozen networks: safetensors files that `cinegan convert` writes."""

import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import local_copy, open_path, write_whole

Path = str | os.PathLike[str]


class WeightsFormat(NamedTuple):
    """Kind of a weights file, as its metadata name it."""

    format: str
    format_version: str


def read_weights(
    path: Path, network: str, wanted: WeightsFormat, how_to_make: str
) -> tuple[dict[str, jax.Array], dict[str, str]]:
    """Read the arrays of a weights file, by name, and its metadata.

    Args:
        path: local or in a bucket.
        network: name of the network for messages, such as `VGG19`.
        wanted: the kind that the file must have.
        how_to_make: advice on a missing or foreign file; PATH in it is replaced by the path.

    Raises:
        UserError: the file is missing, damaged or of another kind; the message says how to make
            one.
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
    kind: WeightsFormat,
    metadata: Mapping[str, str],
) -> None:
    """Write a weights file with arrays in float32, atomically.

    Args:
        path: to write; its parent folders are made.
        arrays: by name.
        kind: of the file, for its metadata.
        metadata: further entries.

    Raises:
        UserError: the file cannot be written; an existing one is unchanged.
    """
    ready = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    header = kind._asdict() | dict(metadata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, safetensors.numpy.save(ready, header))
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error}") from error


def check_shapes(
    arrays: Mapping[str, np.ndarray | jax.Array],
    shapes: Mapping[str, tuple[int, ...]],
    network: str,
    source: Path,
) -> None:
    """Check that every array that a network needs is there, has its shape and holds finite floats.

    Raises:
        UserError: an array is missing, has another shape or holds other values; the message names
            file, array and shapes.
    """
    for name, wanted in shapes.items():
        array = arrays.get(name)
        found = "missing" if array is None else f"of shape {np.shape(array)}"
        if array is None or np.shape(array) != wanted:
            raise UserError(
                f"{source}: {name} is {found}; {network} has {wanted}. "
                f"This is not a {network} weights file, or it is damaged."
            )
        if not jnp.issubdtype(array.dtype, jnp.floating) or not np.isfinite(array).all():
            raise UserError(
                f"{source}: {name} ({array.dtype}) holds no floats, or some that are not "
                f"finite. This is not a {network} weights file, or it is damaged."
            )
