"""Near-duplicates, compared with bit-by-bit counting."""

import time

import numpy as np
import pytest

from cinegan_jax.collect.judging import bits_between, nearest_kept


def differing(one: int, other: int) -> int:
    """Count the differing bits one by one."""
    return sum((int(one) >> bit) % 2 != (int(other) >> bit) % 2 for bit in range(64))


def families(rng: np.random.Generator, count: int, each: int, flips: int) -> np.ndarray:
    """Return `count` random hashes and copies with a few flipped bits, in random order."""
    hashes = np.repeat(rng.integers(0, 2**64, count, np.uint64, endpoint=False), each)
    for _ in range(flips):
        hashes[count::2] ^= np.uint64(1) << rng.integers(0, 64, len(hashes[count::2]), np.uint64)
    return rng.permutation(hashes)


@pytest.mark.parametrize("distance", [0, 3, 8])
def test_each_dropped_one_is_near_the_nearest_kept_one(
    rng: np.random.Generator, distance: int
) -> None:
    hashes = families(rng, 40, 3, 3)
    result = nearest_kept(hashes, distance)
    kept = [index for index in range(len(hashes)) if result[index] == index]
    assert 40 <= len(kept) < len(hashes)
    for index, hash in enumerate(hashes):
        earlier = [differing(hash, hashes[k]) for k in kept if k < index]
        if index in kept:
            assert all(bits > distance for bits in earlier)
        else:
            assert differing(hash, hashes[result[index]]) == min(earlier) <= distance


def test_chains_do_not_drop_different_images() -> None:
    """Each hash is near the next, but the third is not near the first."""
    hashes = np.array([0b0, 0b11, 0b1111], np.uint64)
    np.testing.assert_array_equal(nearest_kept(hashes, 2), [0, 0, 2])


def test_a_negative_distance_keeps_everything() -> None:
    np.testing.assert_array_equal(nearest_kept(np.zeros(4, np.uint64), -1), [0, 1, 2, 3])


def test_bits_between_hexadecimal_hashes(rng: np.random.Generator) -> None:
    one, other = (int(n) for n in rng.integers(0, 2**63, 2))
    assert bits_between(f"{one:016x}", f"{other:016x}") == differing(one, other)


@pytest.mark.slow
def test_a_hundred_thousand_take_seconds(rng: np.random.Generator) -> None:
    hashes = rng.integers(0, 2**64, 100_000, np.uint64, endpoint=False)
    began = time.process_time()
    assert len(np.unique(nearest_kept(hashes, 6))) == 100_000
    assert time.process_time() - began < 60
