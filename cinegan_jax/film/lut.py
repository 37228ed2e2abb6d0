"""A colour look-up as LUT files define it: curves for each channel, a table, or both in turn.

NumPy only, so that the renderer's worker processes can use it without JAX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cinegan_jax.ops.lut import apply_curves, apply_lut, identity_lut

if TYPE_CHECKING:
    from cinegan_jax.core.types import Array, Images

SAMPLED_SIZE = 65
"""Nodes per axis of the table that stands for a LUT with curves or another input range."""


class LutStage(NamedTuple):
    """One step of a LUT. It is a tree of arrays, so that `jax.jit` can take it.

    Attributes:
      values: float32 curves [m, 3], or a table [n, n, n, 3] indexed [r, g, b].
      low, high: float32 [3], the inputs at the first and the last node; others are clipped.
    """

    values: np.ndarray
    low: np.ndarray = np.zeros(3, np.float32)
    high: np.ndarray = np.ones(3, np.float32)

    def apply(self, images: Images) -> Array:
        """Map colours [..., 3] by linear or trilinear interpolation; NumPy or JAX."""
        interpolate = apply_curves if self.values.ndim == 2 else apply_lut
        shape = (1,) * (images.ndim - 1) + (3,)  # JAX may refuse to add axes by itself
        low, high = self.low.reshape(shape), self.high.reshape(shape)
        return interpolate(self.values, (images - low) / (high - low))


@dataclass(frozen=True, eq=False)
class Lut:
    """A colour look-up from sRGB-encoded unit values to the same.

    Attributes:
      stages: applied in order.
    """

    stages: tuple[LutStage, ...]

    @classmethod
    def from_table(cls, table: np.ndarray) -> Lut:
        """Return the LUT of a table [n, n, n, 3] over unit range."""
        return cls((LutStage(np.asarray(table, np.float32)),))

    @property
    def neutral(self) -> bool:
        """True if every output is exactly grey."""
        last = self.stages[-1].values
        return last.ndim == 4 and bool((last == last[..., :1]).all())

    def table(self, size: int | None = None) -> np.ndarray:
        """Return the LUT as one table over unit range, clipped.

        Args:
          size: nodes per axis; None: the LUT's own, or 65 for one that is no single table.

        Returns:
          float32 [size, size, size, 3].
        """
        only = self.stages[0]
        plain = len(self.stages) == 1 and not only.low.any() and (only.high == 1).all()
        if plain and only.values.ndim == 4 and size in (None, len(only.values)):
            return np.clip(only.values, 0.0, 1.0)
        return np.asarray(apply_stages(self.stages, identity_lut(size or SAMPLED_SIZE)), np.float32)


def apply_stages(stages: tuple[LutStage, ...], images: Images) -> Array:
    """Apply the stages of a LUT to unit [..., 3]; NumPy or JAX.

    Returns:
      Unit [..., 3], clipped.
    """
    for stage in stages:
        images = stage.apply(images)
    return images.__array_namespace__().clip(images, 0.0, 1.0)
