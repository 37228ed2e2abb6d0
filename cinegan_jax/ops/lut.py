"""Three-dimensional colour look-up tables (LUTs): apply one, or fit one to pixels.

A LUT is [n, n, n, 3], indexed [r, g, b], with sRGB-encoded unit values in and out. The module does
not import JAX, so that the film renderer's worker processes start fast.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

if TYPE_CHECKING:
    from cinegan_jax.core.types import Array, Images


def identity_lut(size: int) -> np.ndarray:
    """Return the LUT that changes nothing, float32 [size, size, size, 3]."""
    axis = np.linspace(0.0, 1.0, size, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def apply_lut(lut: Array, images: Images) -> Array:
    """Map colours through a LUT by trilinear interpolation.

    Args:
      lut: [n, n, n, 3], numpy or JAX.
      images: unit [..., 3], of the same kind; values outside 0..1 are clipped.

    Returns:
      Unit [..., 3], of the same kind.
    """
    xp = images.__array_namespace__()
    table = xp.reshape(lut, (-1, 3))
    return sum(table[index] * weight[..., None] for index, weight in _corners(images, lut.shape[0]))


def apply_curves(curves: np.ndarray, images: Images) -> Array:
    """Map each channel through its curve by linear interpolation.

    Args:
      curves: [m, 3], numpy or JAX; the outputs at inputs that are evenly spread over 0..1.
      images: unit [..., 3], of the same kind; values outside 0..1 are clipped.

    Returns:
      [..., 3], of the same kind.
    """
    xp = images.__array_namespace__()
    scaled = xp.clip(images, 0.0, 1.0) * (len(curves) - 1)
    low = xp.minimum(scaled.astype(xp.int32), len(curves) - 2)
    share = scaled - low.astype(scaled.dtype)  # int32 would make it float64
    table, channel = xp.asarray(curves), xp.broadcast_to(xp.arange(3), low.shape)
    return table[low, channel] * (1.0 - share) + table[low + 1, channel] * share


def fit_lut(
    inputs: np.ndarray, targets: np.ndarray, size: int = 33, smoothness: float = 0.1
) -> np.ndarray:
    """Fit a smooth LUT to pixel pairs by least squares.

    The data term is trilinear interpolation. A penalty on the second differences of the LUT's
    change along the three axes lets nodes that no pixel reaches continue their neighbours. It is
    the regularisation of Zeng et al. (TPAMI 2020), with least squares instead of training.

    Args:
      inputs: unit [p, 3].
      targets: unit [p, 3].
      size: number of nodes per axis.
      smoothness: weight of a node's second differences, relative to the mean number of pixels per
        node.

    Returns:
      float32 [size, size, size, 3], clipped to unit range.

    Raises:
      ValueError: the pixels are not two arrays [p, 3] of the same shape.
    """
    if inputs.shape != targets.shape or inputs.ndim != 2 or inputs.shape[1] != 3:
        raise ValueError(f"fit_lut needs two arrays [p, 3], got {inputs.shape}, {targets.shape}")
    return np.clip(_fit(inputs.astype(np.float64), targets, size, smoothness), 0.0, 1.0).astype(
        np.float32
    )


def _fit(inputs: np.ndarray, targets: np.ndarray, size: int, smoothness: float) -> np.ndarray:
    """Fit a LUT by conjugate gradients, starting from the fit at half the size.

    The coarse fit extrapolates to colours without pixels; the fine one adds detail.
    """
    coarse = _fit(inputs, targets, (size + 1) // 2, smoothness) if size > 4 else identity_lut(2)
    start = np.asarray(apply_lut(coarse, identity_lut(size))).reshape(-1, 3).astype(np.float64)
    weights, bends = _interpolation_matrix(inputs, size), _second_differences(size)
    stiffness = smoothness * len(inputs) / size**3 * (bends.T @ bends)
    normal = (weights.T @ weights + stiffness).tocsr()
    gap = weights.T @ targets - normal @ start
    inverse_diagonal = scipy.sparse.diags(1.0 / np.maximum(normal.diagonal(), 1e-12))
    scale = np.linalg.norm(weights.T @ targets)
    change = [
        scipy.sparse.linalg.cg(normal, channel, atol=1e-5 * scale, M=inverse_diagonal)[0]
        for channel in gap.T
    ]
    return (start + np.stack(change, axis=-1)).reshape(size, size, size, 3)


def _corners(images: Array, size: int) -> list[tuple[Array, Array]]:
    """Return flat node index [...] and weight [...] of each corner of the colours' cells."""
    xp = images.__array_namespace__()
    scaled = xp.clip(images, 0.0, 1.0) * (size - 1)
    low = xp.minimum(scaled.astype(xp.int32), size - 2)
    high_weight = scaled - low.astype(scaled.dtype)  # int32 would make it float64
    strides = (size * size, size, 1)
    corners = []
    for offsets in itertools.product((0, 1), repeat=3):
        index: Any = 0
        weight: Any = 1.0
        for axis, (offset, stride) in enumerate(zip(offsets, strides, strict=True)):
            part = high_weight[..., axis]
            index = index + (low[..., axis] + offset) * stride
            weight = weight * (part if offset else 1.0 - part)
        corners.append((index, weight))
    return corners


def _interpolation_matrix(inputs: np.ndarray, size: int) -> scipy.sparse.csr_matrix:
    """Return the matrix [p, size ** 3] whose rows hold the eight trilinear weights of a pixel."""
    columns, weights = zip(*_corners(inputs, size), strict=True)
    pointers = np.arange(len(inputs) + 1) * 8
    parts = (np.stack(weights, axis=1).ravel(), np.stack(columns, axis=1).ravel(), pointers)
    return scipy.sparse.csr_matrix(parts, shape=(len(inputs), size**3))


def _second_differences(size: int) -> scipy.sparse.csr_matrix:
    """Return the matrix of second differences of a flat [size, size, size] grid, axes stacked."""
    bend = scipy.sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(size - 2, size))
    same = scipy.sparse.identity(size)
    along = [
        scipy.sparse.kron(
            scipy.sparse.kron(bend if axis == 0 else same, bend if axis == 1 else same),
            bend if axis == 2 else same,
        )
        for axis in range(3)
    ]
    return scipy.sparse.vstack(along).tocsr()
