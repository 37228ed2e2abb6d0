"""Which examples are trained on and which are held out."""

import hashlib
from collections.abc import Iterable

SPLITS = ("train", "test")
TEST_FRACTION = 0.1
"""Share held out, where nothing says which examples are."""


def held_out(names: Iterable[str], fraction: float = TEST_FRACTION) -> set[str]:
    """The names that belong to the test split: by their hash, so that each stays when others come.

    Of two names or more, one at least is held out unless `fraction` is zero.
    """
    chances = {name: _chance(name) for name in names}
    test = {name for name, chance in chances.items() if chance < fraction}
    if not test and fraction and len(chances) > 1:
        test = {min(chances, key=chances.__getitem__)}
    return test


def _chance(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
