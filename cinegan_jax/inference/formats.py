"""What a look can be exported as."""

from typing import Literal

Format = Literal["safetensors", "stablehlo", "onnx"]
"""Kinds of file, each also the file's suffix; docs/export.md says what is in them."""

Precision = Literal["float16", "float32"]
"""What kernels are stored in."""
