"""Multiplication of alpha into samples, as some files store them, and its inverse."""

import numpy as np


def multiplied_by_alpha(samples: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Multiply alpha [h, w] into samples [h, w, channels] of the same type."""
    full = np.iinfo(samples.dtype).max
    product = samples.astype(np.uint64) * alpha[..., None]
    return ((product + full // 2) // full).astype(samples.dtype)


def divided_by_alpha(samples: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undo `multiplied_by_alpha`; fully transparent pixels become black."""
    full = np.iinfo(samples.dtype).max
    share = alpha[..., None].astype(np.uint64)
    divided = (samples.astype(np.uint64) * full + share // 2) // np.maximum(share, 1)
    return np.where(share == 0, 0, np.minimum(divided, full)).astype(samples.dtype)
