"""Export a look for other programs: safetensors, StableHLO or ONNX."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from jax import export
from jax.typing import DTypeLike

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.core.storage import write_whole
from cinegan_jax.inference.formats import ExportFormat, Precision
from cinegan_jax.inference.look import Look, apply_generator
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.ops.images import to_unit


def export_look(
    look: Look, path: Path, form: ExportFormat, precision: Precision = "float16"
) -> None:
    """Writes a look, whole or not at all; folders are made.

    Raises:
        UserError: the file cannot be written, the precision cannot hold the kernels, or the format
            needs a package that is not installed.
    """
    if path.name in ("", "..") or path.is_dir():
        raise UserError(f"{path} cannot be written: it is a folder; give the name of a file")
    dtype = np.dtype(precision)
    _check_range(look, dtype)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "safetensors":
            write_look(look, path, dtype=dtype)
        else:
            write_whole(path, _program_writer(form)(look, dtype))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def _program_writer(form: ExportFormat) -> Callable[[Look, DTypeLike], bytes]:
    if form == "stablehlo":
        return to_stablehlo
    try:
        from cinegan_jax.inference.export_onnx import to_onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise UserError(f"ONNX needs a package: {how_to_install('onnx')}") from error
    return to_onnx


def _check_range(look: Look, dtype: np.dtype) -> None:
    for name, kernel in flatten_dict(dict(look.kernels), sep="/").items():
        largest = np.max(np.abs(kernel))
        if not largest <= np.finfo(dtype).max:
            raise UserError(
                f"the look {look.name} cannot be stored in {dtype}, which ends at "
                f"{np.finfo(dtype).max:.6g}: the largest value of {name} is {largest:.6g}"
            )


SHAPE = "batch, 8*height, 8*width, 3"
PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(look: Look, dtype: DTypeLike = np.float16) -> bytes:
    """The program with its kernels, as `jax.export.deserialize` reads it.

    It takes photos, float32 [n, h, w, 3] in unit range, to pictures of the same shape and range,
    clipped; h and w are multiples of 8.

    Args:
        look: any look.
        dtype: what the kernels are stored in, float16 or float32; all is computed in float32.
    """
    stored = jax.tree.map(lambda kernel: np.asarray(kernel, dtype), look.kernels)

    @jax.jit
    def picture(photo: jax.Array) -> jax.Array:
        kernels = jax.tree.map(lambda kernel: jnp.asarray(kernel).astype(jnp.float32), stored)
        signed = apply_generator(look.generator, kernels, 2.0 * photo - 1.0)
        return jnp.clip(to_unit(signed), 0.0, 1.0)

    photo = jax.ShapeDtypeStruct(export.symbolic_shape(SHAPE), jnp.float32)
    return bytes(export.export(picture, platforms=PLATFORMS)(photo).serialize())
