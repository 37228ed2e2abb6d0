"""Whole numbers of 8 and 16 bits for the same colours: 255 and 65535 are both 1."""

from collections.abc import Iterator

import numpy as np

_BAND_SAMPLES = 1 << 20


def bands(samples: np.ndarray) -> Iterator[slice]:
    """Rows of `samples` [h, ...] in pieces of about a million numbers, to bound what is copied."""
    rows = max(1, _BAND_SAMPLES // max(1, samples[:1].size))
    for start in range(0, len(samples), rows):
        yield slice(start, start + rows)


def to_sixteen_bits(samples: np.ndarray) -> np.ndarray:
    """uint8 [...] as uint16, exactly."""
    return samples.astype(np.uint16) * np.uint16(257)


def to_eight_bits(samples: np.ndarray, seed: int) -> np.ndarray:
    """uint16 [h, ...] as uint8, by rounding after noise of half a level either way.

    The noise, uniform and seeded, keeps smooth skies from falling into bands; on average every
    colour stays what it was, and a colour that 8 bits hold exactly stays as it is.
    """
    result = np.empty(samples.shape, np.uint8)
    random = np.random.Generator(np.random.SFC64(seed))
    for rows in bands(samples):
        noisy = samples[rows].astype(np.uint32) * np.uint32(255)
        noisy += random.integers(0, 65535, noisy.shape, np.uint16)
        result[rows] = noisy // np.uint32(65535)
    return result


def from_sixteen_bits_exact(samples: np.ndarray) -> np.ndarray:
    """uint16 [...] as uint8, rounded to the nearest level without noise."""
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
