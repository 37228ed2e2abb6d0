"""Images that are computed a few rows at a time, where a whole one would not fit into memory."""

from collections.abc import Callable

import numpy as np


class LazyImage:
    """A float32 image that is computed where it is sliced, like a read-only array [h, w, c].

    Args:
      shape: of the whole image.
      compute: returns the given rows, float32 [rows, w, c].
    """

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, ...], compute: Callable[[slice], np.ndarray]):
        self.shape = shape
        self._compute = compute

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | tuple[slice, slice]) -> np.ndarray:
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        return self._compute(rows)[:, columns]


AnyImage = np.ndarray | LazyImage
"""An array [h, w, c], or an image that is computed where it is sliced."""
