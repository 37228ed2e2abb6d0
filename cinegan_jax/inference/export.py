"""Trained looks as files for other programs: safetensors, StableHLO, ONNX."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from flax.traverse_util import flatten_dict
from jax.typing import DTypeLike

from cinegan_jax.errors import UserError, how_to_install
from cinegan_jax.inference.formats import Format, Precision
from cinegan_jax.inference.trained_look import TrainedLook, write_look
from cinegan_jax.storage import write_whole


def export_look(
    look: TrainedLook, path: Path, form: Format, precision: Precision = "float16"
) -> None:
    """Writes a look, whole or not at all; folders are made.

    Raises:
        UserError: the file cannot be written, the precision cannot hold the kernels, or the format
            needs a package that is not installed.
    """
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


def _program_writer(form: Format) -> Callable[[TrainedLook, DTypeLike], bytes]:
    if form == "stablehlo":
        from cinegan_jax.inference.export_stablehlo import to_stablehlo

        return to_stablehlo
    try:
        from cinegan_jax.inference.export_onnx import to_onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise UserError(f"ONNX needs a package: {how_to_install('onnx')}") from error
    return to_onnx


def _check_range(look: TrainedLook, dtype: np.dtype) -> None:
    for name, kernel in flatten_dict(dict(look.kernels), sep="/").items():
        largest = np.max(np.abs(kernel))
        if not largest <= np.finfo(dtype).max:
            raise UserError(
                f"the look {look.name} cannot be stored in {dtype}, which ends at "
                f"{np.finfo(dtype).max:.6g}: the largest value of {name} is {largest:.6g}"
            )
