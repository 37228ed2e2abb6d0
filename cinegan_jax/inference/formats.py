"""Formats that a look can be exported to."""

from pathlib import Path
from typing import Literal, get_args

from cinegan_jax.core.errors import UserError

ExportFormat = Literal["safetensors", "stablehlo", "onnx"]
"""Kinds of file, each also the file's suffix; docs/export.md describes their contents."""

KernelPrecision = Literal["float16", "float32"]
"""Types that kernels can be stored in."""


def format_of(path: Path) -> ExportFormat:
    """Return the format that a file's suffix names.

    Raises:
      UserError: the suffix names no format.
    """
    formats: tuple[ExportFormat, ...] = get_args(ExportFormat)
    for form in formats:
        if path.suffix.lower() == f".{form}":
            return form
    raise UserError(f"{path}: the suffix {path.suffix!r} is not one of .{', .'.join(formats)}")
