"""Search for the largest batch that fits into a device's memory."""

from collections.abc import Callable


def largest_batch(fits: Callable[[int], bool], start: int, unit: int = 1) -> int:
    """Return the largest batch that fits, to within a quarter of itself; 0 if `unit` does not fit.

    Doubles or halves from `start`, then bisects; each call of `fits` may be a compilation.

    Args:
      fits: whether a batch of this size fits.
      start: the first size that is tried; a multiple of `unit`.
      unit: only multiples of it are tried.
    """
    if fits(start):
        low, high = start, 2 * start
        while fits(high):
            low, high = high, 2 * high
    else:
        low, high = 0, start
        while not low and high > unit:
            half = max(unit, high // 2 // unit * unit)
            low, high = (half, high) if fits(half) else (0, half)
    while low and high - low > max(unit, low // 4):
        middle = (low + high) // 2 // unit * unit
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
