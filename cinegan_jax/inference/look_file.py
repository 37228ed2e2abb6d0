"""Look files: the arrays of a look with everything that is needed to use them.

A look file is a safetensors file. It holds a generator's kernels, with spectral normalisation
folded in, or the table of a LUT; float16 or float32. `look_metadata` describes the metadata.
"""

import dataclasses
import struct
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
from cinegan_jax.film.lut import Lut
from cinegan_jax.film.lut_cube_header import MAX_LUT_SIZE
from cinegan_jax.inference.look import Look, LutLook, NetworkLook
from cinegan_jax.inference.look_metadata import LookMetadata, parse_metadata
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.nets.settings import ResUnetSettings

_MAX_HEADER = 1 << 20
"""Maximum size of the header in bytes; that of the published network has 20 kB."""
_DTYPES = ("F16", "F32")
TABLE = "table"
"""Name of the table of a LUT."""

Shapes = Mapping[str, tuple[int, ...]]


def read_look(path: Path, *, trusted: bool = False) -> Look:
    """Read a look from a local file that `write_look` wrote.

    The metadata and the shapes are checked before arrays are read or a network is built.

    Args:
      path: the file.
      trusted: skip the checks of the arrays, which take a moment.

    Raises:
      UserError: the file is missing, damaged, of another kind or version, or its arrays do not fit
        its network.
    """
    _check_header_size(path)
    try:
        with safetensors.safe_open(path, "numpy") as file:
            names = list(file.keys())
            about = parse_metadata(path, file.metadata() or {})
            if not trusted:
                _check_shapes(path, about, {name: _shape(path, file, name) for name in names})
            arrays = {name: file.get_tensor(name).astype(np.float32) for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}") from error
    if not trusted:
        _check_finite(path, arrays)
    film: Any = {"grain": about.grain, "glow": about.glow}
    if about.generator is None:
        return LutLook(about.name, Lut.from_table(arrays[TABLE]), **film)
    generator = ResUnetGenerator(**vars(about.generator))
    return NetworkLook(about.name, generator, unflatten_dict(arrays, sep="/"), **film)


def write_look(look: Look, path: Path, *, dtype: Any = np.float16) -> None:
    """Write a look file, whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    arrays = {
        name: np.ascontiguousarray(np.asarray(array, dtype))
        for name, array in arrays_of(look).items()
    }
    settings = None
    if isinstance(look, NetworkLook):
        settings = ResUnetSettings(**architecture(look.generator))
    metadata = LookMetadata(look.name, look.grain, look.glow, settings).to_texts()
    write_whole(path, safetensors.numpy.save(arrays, metadata))


def arrays_of(look: Look) -> dict[str, np.ndarray]:
    """Return the arrays of a look by the names that they have in a look file.

    A LUT with curves is resampled to a table.
    """
    if isinstance(look, NetworkLook):
        return flatten_dict(dict(look.kernels), sep="/")
    if isinstance(look, LutLook):
        return {TABLE: look.colours.table()}
    raise TypeError(f"a look file holds a NetworkLook or a LutLook, not {type(look).__name__}")


def architecture(generator: ResUnetGenerator) -> dict[str, Any]:
    """Return the fields that define a generator's architecture: all but its dtype."""
    fields = dataclasses.fields(ResUnetGenerator)
    names = [f.name for f in fields if f.name not in ("dtype", "parent", "name")]
    return {name: getattr(generator, name) for name in names}


def _check_header_size(path: Path) -> None:
    """Refuse a file whose header cannot be read, or is too large to be that of a look."""
    if not path.is_file():
        raise UserError(f"no look file {path}")
    with path.open("rb") as file:
        start = file.read(8)
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 0 < size <= min(_MAX_HEADER, path.stat().st_size - 8):
        raise UserError(
            f"{path} is damaged or no safetensors file: a header of {size} bytes in a file of "
            f"{path.stat().st_size}, and a look's has at most {_MAX_HEADER}"
        )


def _shape(path: Path, file: Any, name: str) -> tuple[int, ...]:
    """Return the shape of an array without reading it, after a check of its type."""
    array = file.get_slice(name)
    if array.get_dtype() not in _DTYPES:
        raise UserError(
            f"{path}: {name[:80]!r} holds {array.get_dtype()}, a look has {' or '.join(_DTYPES)}"
        )
    return tuple(array.get_shape())


def _check_shapes(path: Path, about: LookMetadata, found: Shapes) -> None:
    if about.generator is None:
        size = found.get(TABLE, (0,))[0] if found.get(TABLE) else 0
        needed = "a LUT"
        wanted: Shapes = {TABLE: (size, size, size, 3)}
        if not 2 <= size <= MAX_LUT_SIZE:
            raise UserError(
                f"{path}: the table of a LUT needs 2 to {MAX_LUT_SIZE} nodes per axis, not {size}"
            )
    else:
        _check_blocks(path, about.generator.num_blocks, found)
        needed = str(vars(about.generator))
        wanted = _shapes_of(about.generator)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise UserError(
                f"{path}: {name[:80]} has the shape {found.get(name, 'none')}, but {needed} needs "
                f"{wanted.get(name, 'none')}"
            )


def _check_blocks(path: Path, num_blocks: int, found: Shapes) -> None:
    """Compare the number of residual blocks, before a network with that many is described."""
    blocks = {name.partition("/")[0] for name in found if name.startswith("block")}
    if len(blocks) != num_blocks:
        raise UserError(f"{path} has {len(blocks)} residual blocks, but num_blocks={num_blocks}")


def _shapes_of(settings: ResUnetSettings) -> Shapes:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    generator = ResUnetGenerator(**vars(settings))
    variables = jax.eval_shape(generator.init, jax.random.key(0), image)
    return {name: a.shape for name, a in flatten_dict(variables["params"], sep="/").items()}


def _check_finite(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(f"{path} is damaged: {name} holds a value that is not finite")
