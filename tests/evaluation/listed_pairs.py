"""Pairs made of numbers, for tests of the evaluation."""

from collections.abc import Sequence

from cinegan_jax.data.pairs import BrokenPair, Pair


class ListedPairs:
    """A pair source over a list; a BrokenPair in the list is raised where it is read."""

    def __init__(self, pairs: Sequence[Pair | BrokenPair]):
        self._pairs = pairs
        self.names = [pair.name for pair in pairs]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Pair:
        pair = self._pairs[index]
        if isinstance(pair, BrokenPair):
            raise pair
        return pair
