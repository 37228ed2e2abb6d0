"""Run exported programs on float32 images [n, h, w, 3] in unit range."""

import numpy as np
import onnxruntime
from jax import export


def run_onnx(model: bytes, photos: np.ndarray) -> np.ndarray:
    """Run an ONNX model with onnxruntime on the CPU."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (images,) = session.run(["picture"], {"photo": photos.transpose(0, 3, 1, 2)})
    return np.asarray(images).transpose(0, 2, 3, 1)


def run_stablehlo(program: bytes, photos: np.ndarray) -> np.ndarray:
    """Run a StableHLO program with JAX."""
    return np.asarray(export.deserialize(bytearray(program)).call(photos))
