"""Pictures that look alike, by their perceptual hashes."""

import numpy as np


def repeated(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Which picture each one repeats.

    In the order given, a picture is kept unless it is near one that is kept already. So each
    picture that is dropped is near a kept one, no two kept ones are near each other, and chains of
    small differences do not swallow pictures that differ much.

    Args:
      hashes: uint64 [n], the pictures that are to be preferred first.
      distance: the most bits that differ between two pictures that look alike.

    Returns:
      int [n]: the index of the nearest picture kept before it, or its own if it is kept. Takes
      n * kept / 2 comparisons: a few seconds for 100,000 pictures.
    """
    kept = np.empty(len(hashes), np.uint64)
    places = np.empty(len(hashes), np.int64)
    result = np.empty(len(hashes), np.int64)
    count = 0
    for index, value in enumerate(hashes):
        distances = np.bitwise_count(kept[:count] ^ value)
        nearest = int(distances.argmin()) if count else 0
        if count and distances[nearest] <= distance:
            result[index] = places[nearest]
            continue
        result[index], kept[count], places[count] = index, value, index
        count += 1
    return result


def bits_between(one: str, other: str) -> int:
    """Bits that differ between two hexadecimal hashes."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
