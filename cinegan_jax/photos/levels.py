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


def widened(samples: np.ndarray, bits: int) -> np.ndarray:
    """uint16 [...] of 0..2**bits - 1 over the whole range of 16 bits; `bits` from 8 to 16."""
    return samples << (16 - bits) | samples >> (2 * bits - 16)


def to_bits(samples: np.ndarray, bits: int, random: np.random.Generator) -> np.ndarray:
    """Samples [h, ...] with 8 or 16 bits, at most as many as they have; to 8 with `dithered`."""
    return samples if 8 * samples.itemsize == bits else dithered(samples, random)


def dithered(samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """uint16 [h, ...] as uint8, by rounding after noise of half a level either way.

    The noise is uniform. It keeps smooth skies from falling into bands; on average every colour
    stays what it was, and one that 8 bits hold exactly stays as it is.
    """
    result = np.empty(samples.shape, np.uint8)
    for rows in bands(samples):
        noisy = samples[rows].astype(np.uint32) * np.uint32(255)
        noisy += random.integers(0, 65535, noisy.shape, np.uint16)
        result[rows] = noisy // np.uint32(65535)
    return result


def rounded_to_eight_bits(samples: np.ndarray) -> np.ndarray:
    """uint16 [...] as uint8, each the nearest level, without noise."""
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
