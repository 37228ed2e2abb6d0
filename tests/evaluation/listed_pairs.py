"""Pairs made of numbers, for tests of the evaluation."""

from collections.abc import Sequence

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair


class ListedPairs:
    """A pair source over a list; a BrokenExample in the list is raised where it is read."""

    kind = "pairs"

    def __init__(self, pairs: Sequence[Pair | BrokenExample]) -> None:
        self._pairs = pairs
        self.names = [pair.name for pair in pairs]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Pair:
        pair = self._pairs[index]
        if isinstance(pair, BrokenExample):
            raise pair
        return pair
