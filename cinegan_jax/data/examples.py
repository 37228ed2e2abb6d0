"""What training batches are made of: examples, and where they come from.

An example is one or more pictures that belong together: a pair of photographs (`data.pairs`), or a
single picture (`data.pictures`). The loader treats all pictures of an example alike.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np


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
