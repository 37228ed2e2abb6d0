"""Conversion between samples of 8 and 16 bits; 255 and 65535 both stand for 1."""

from collections.abc import Iterator

import numpy as np

_BAND_SAMPLES = 1 << 20


def bands(samples: np.ndarray) -> Iterator[slice]:
    """Split the rows of `samples` [h, ...] into slices of about a million samples."""
    rows = max(1, _BAND_SAMPLES // max(1, samples[:1].size))
    for start in range(0, len(samples), rows):
        yield slice(start, start + rows)


def to_sixteen_bits(samples: np.ndarray) -> np.ndarray:
    """Convert uint8 [...] to uint16, exactly."""
    return samples.astype(np.uint16) * np.uint16(257)


def widened(samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale uint16 [...] in 0..2**bits - 1, with `bits` from 8 to 16, to the range of 16 bits."""
    return samples << (16 - bits) | samples >> (2 * bits - 16)


def full_range(samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale samples in 0..2**bits - 1, with `bits` from 1 to 16, to the range of 8 or 16 bits."""
    most = (1 << bits) - 1
    if bits > 8:
        return samples if bits == 16 else widened(np.minimum(samples, most), bits)
    return ((samples.astype(np.uint16) * 255 + most // 2) // most).astype(np.uint8)


def narrowed(samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale uint16 [...] to the nearest levels in 0..2**bits - 1; the inverse of `widened`."""
    result = np.empty_like(samples)
    for rows in bands(samples):
        result[rows] = (samples[rows].astype(np.uint32) * (2**bits - 1) + 32767) // 65535
    return result


def to_bits(samples: np.ndarray, bits: int, random: np.random.Generator) -> np.ndarray:
    """Convert samples [h, ...] to 8 bits by `dithered`, or leave them as they are."""
    return samples if 8 * samples.itemsize == bits else dithered(samples, random)


def dithered(samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Convert uint16 [h, ...] to uint8 with uniform noise of half a level either way.

    The noise prevents banding in smooth areas. The mean of every colour is preserved, and a colour
    that 8 bits represent exactly is not changed.
    """
    result = np.empty(samples.shape, np.uint8)
    for rows in bands(samples):
        noisy = samples[rows].astype(np.uint32) * np.uint32(255)
        noisy += random.integers(0, 65535, noisy.shape, np.uint16)
        result[rows] = noisy // np.uint32(65535)
    return result


def rounded_to_eight_bits(samples: np.ndarray) -> np.ndarray:
    """Convert uint16 [...] to the nearest uint8 levels, without noise."""
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
