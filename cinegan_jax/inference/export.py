"""Export a look for other programs: safetensors, StableHLO or ONNX."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError
from jax import export
from jax.typing import DTypeLike

from cinegan_jax.core.errors import UserError, how_to_install
from cinegan_jax.core.storage import write_whole
from cinegan_jax.inference.formats import ExportFormat, KernelPrecision
from cinegan_jax.inference.look import Look, NetworkLook, apply_generator
from cinegan_jax.inference.look_file import architecture, arrays_of, write_look

_STABLEHLO_SHAPE = "batch, 8*height, 8*width, 3"
_STABLEHLO_PLATFORMS = ("cpu", "cuda", "tpu")


def export_look(
    look: Look, path: Path, form: ExportFormat, precision: KernelPrecision = "float16"
) -> None:
    """Write a look atomically, with the parent folders of `path`.

    Raises:
        UserError: the look cannot be exported, the file cannot be written, the precision cannot
            hold the arrays, or the format needs a package that is not installed. Nothing is
            written then.
    """
    if path.name in ("", "..") or path.is_dir():
        raise UserError(f"{path} cannot be written: it is a folder; give the name of a file")
    dtype = np.dtype(precision)
    if isinstance(look, NetworkLook):
        _check_network(look)
    _check_range(look, dtype)
    program = None if form == "safetensors" else _program_writer(form)(look, dtype)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if program is None:
            write_look(look, path, dtype=dtype)
        else:
            write_whole(path, program)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def to_stablehlo(look: Look, dtype: DTypeLike = np.float16) -> bytes:
    """Return a look as a serialised program, for `jax.export.deserialize`.

    It maps photos, float32 [n, h, w, 3] in unit range, to images of the same shape and range,
    clipped; h and w are multiples of 8.

    Args:
        look: to convert.
        dtype: of the stored arrays, float16 or float32. All is computed in float32.
    """
    apply, params = look.network()
    stored = jax.tree.map(lambda array: np.asarray(array, dtype), params)

    @jax.jit
    def apply_look(photos: jax.Array) -> jax.Array:
        params = jax.tree.map(lambda array: jnp.asarray(array).astype(jnp.float32), stored)
        return jnp.clip(apply(params, photos), 0.0, 1.0)

    photos = jax.ShapeDtypeStruct(export.symbolic_shape(_STABLEHLO_SHAPE), jnp.float32)
    return bytes(export.export(apply_look, platforms=_STABLEHLO_PLATFORMS)(photos).serialize())


def _program_writer(form: ExportFormat) -> Callable[[Look, DTypeLike], bytes]:
    if form == "stablehlo":
        return to_stablehlo
    try:
        from cinegan_jax.inference.export_onnx import to_onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise UserError(f"ONNX export needs a package: {how_to_install('onnx')}") from error
    return to_onnx


def _check_network(look: NetworkLook) -> None:
    """Refuse generators that are not float32 or invalid, and kernels of other generators."""
    dtype = jnp.dtype(look.generator.dtype)
    if dtype != jnp.float32:
        raise UserError(
            f"the look {look.name} cannot be exported: its generator has dtype={dtype.name}, and "
            "exported looks compute in float32; export look.generator.clone(dtype=jnp.float32)"
        )
    photo = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
    shapes = jax.tree.map(lambda kernel: jax.ShapeDtypeStruct(kernel.shape, dtype), look.kernels)
    try:
        jax.eval_shape(lambda k, x: apply_generator(look.generator, k, x), shapes, photo)
    except (FlaxError, ValueError) as error:
        raise UserError(
            f"the look {look.name} cannot be exported: {error}; its generator is "
            f"{architecture(look.generator)}"
        ) from error


def _check_range(look: Look, dtype: np.dtype) -> None:
    for name, kernel in arrays_of(look).items():
        largest = np.max(np.abs(kernel))
        if not largest <= np.finfo(dtype).max:
            raise UserError(
                f"the look {look.name} cannot be stored in {dtype}, whose largest value is "
                f"{np.finfo(dtype).max:.6g}: the largest value of {name} is {largest:.6g}"
            )
