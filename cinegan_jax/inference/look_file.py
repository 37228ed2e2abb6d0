"""Look files: a generator's weights with everything that is needed to use them.

A look file is a safetensors file of the generator's kernels, float16 or float32, with spectral
normalisation folded in. Its metadata hold the network's architecture and the film's grain.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole
from cinegan_jax.inference.look import Glow, Grain, Look
from cinegan_jax.nets.res_unet import ResUnetGenerator

LOOK_FORMAT = "cinegan-look"
LOOK_FORMAT_VERSION = "1"


def read_look(path: Path, *, trusted: bool = False) -> Look:
    """Read a look from a local file that `write_look` wrote.

    Args:
      path: the file.
      trusted: skip the comparison of the arrays with the network, which takes a moment.

    Raises:
      UserError: the file is missing, damaged, of another kind or version, or its arrays do not fit
        its network.
    """
    metadata, arrays = _read(path)
    _check_format(path, metadata)
    try:
        generator = ResUnetGenerator(**json.loads(metadata["generator"]))
        grain = Grain(**json.loads(metadata["grain"]))
        glow = Glow(**json.loads(metadata.get("glow", "{}")))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say what its network is: {error}") from error
    name = metadata.get("name", "")
    if name in ("", ".", "..") or "/" in name or os.sep in name or "\0" in name:
        raise UserError(
            f"{path} gives its look the name {name!r}, which cannot be part of a file name: export "
            "the look again with `cinegan export --format safetensors`"
        )
    if not trusted:
        _check_arrays(path, generator, arrays)
    kernels = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Look(name, generator, unflatten_dict(kernels, sep="/"), grain, glow)


def write_look(look: Look, path: Path, *, dtype: Any = np.float16) -> None:
    """Write a look file, whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    arrays = {
        name: np.ascontiguousarray(np.asarray(array, dtype))
        for name, array in flatten_dict(dict(look.kernels), sep="/").items()
    }
    metadata = {
        "format": LOOK_FORMAT,
        "version": LOOK_FORMAT_VERSION,
        "name": look.name,
        "generator": json.dumps(architecture(look.generator)),
        "grain": json.dumps(dataclasses.asdict(look.grain)),
        "glow": json.dumps(dataclasses.asdict(look.glow)),
    }
    write_whole(path, safetensors.numpy.save(arrays, metadata))


def architecture(generator: ResUnetGenerator) -> dict[str, Any]:
    """Return the fields that define a generator's architecture: all but its dtype."""
    fields = dataclasses.fields(ResUnetGenerator)
    names = [f.name for f in fields if f.name not in ("dtype", "parent", "name")]
    return {name: getattr(generator, name) for name in names}


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, np.ndarray]]:
    if not path.is_file():
        raise UserError(f"no look file {path}")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}") from error


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    found = metadata.get("format"), metadata.get("version")
    if found != (LOOK_FORMAT, LOOK_FORMAT_VERSION):
        raise UserError(
            f"{path} is no look of this program: its format is {found[0]!r} version {found[1]!r}, "
            f"needed is {LOOK_FORMAT!r} version {LOOK_FORMAT_VERSION!r}; make a look file with "
            "`cinegan export --format safetensors`"
        )


def _check_arrays(
    path: Path, generator: ResUnetGenerator, arrays: Mapping[str, np.ndarray]
) -> None:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    variables = jax.eval_shape(generator.init, jax.random.key(0), image)
    wanted = {n: a.shape for n, a in flatten_dict(variables["params"], sep="/").items()}
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise UserError(
                f"{path}: {name} has the shape {found.get(name, 'none')}, but "
                f"{architecture(generator)} needs {wanted.get(name, 'none')}"
            )
