"""Training examples: one image or several that belong together, and the sources they come from.

An example is a pair of photographs (`data.pairs`) or a single image (`data.images`). The loader
treats all images of an example alike. Sources have the splits of `SPLITS`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

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


class Example(Protocol):
    """Pictures that belong together, under one name."""

    @property
    def name(self) -> str: ...

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The pictures as a batch names them, uint8 of one shape [h, w, 3]."""
        ...


class BrokenExample(Exception):
    """An example that cannot be used: `name` says which, `reason` why."""

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
        """What messages call its examples: `pairs` or `pictures`."""
        ...

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> AnExample: ...
