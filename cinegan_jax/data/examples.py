"""Training examples: one image, or several that belong together, and sources of them.

An example is a pair of photographs (`data.pairs`) or a single image (`data.images`). The loader
treats all images of an example alike. Every source serves one of the splits `SPLITS`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

SPLITS = ("train", "test")
TEST_FRACTION = 0.1
"""Share of examples held out where the source does not define the splits."""


class Example(Protocol):
    """Images that belong together, under one name."""

    @property
    def name(self) -> str: ...

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The images by their key in a batch, uint8 of one shape [h, w, 3]."""
        ...


class BrokenExample(Exception):
    """An example that cannot be used.

    Attributes:
      name: name of the example.
      reason: why it cannot be used.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


AnExample = TypeVar("AnExample", bound=Example, covariant=True)


class ExampleSource(Protocol[AnExample]):
    """Random access to the examples of one split; reading a broken one raises BrokenExample."""

    @property
    def kind(self) -> str:
        """Kind of the examples: `pairs` or `images`."""
        ...

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> AnExample: ...


def held_out(names: Iterable[str], fraction: float = TEST_FRACTION) -> set[str]:
    """Choose the names of the test split by their hash.

    A name therefore keeps its split when others are added or removed. At least one of two or more
    names is held out unless `fraction` is zero.
    """
    positions = {name: _hash_position(name) for name in names}
    test = {name for name, position in positions.items() if position < fraction}
    if not test and fraction and len(positions) > 1:
        test = {min(positions, key=positions.__getitem__)}
    return test


def _hash_position(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
