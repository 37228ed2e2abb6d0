"""A few held-out pairs, looked at again and again while training goes on."""

from collections.abc import Iterable, Iterator

import jax
import numpy as np

from cinegan_jax.data.pairs import BrokenPair, Pair, PairSource
from cinegan_jax.evaluation.quick import QuickEvaluator
from cinegan_jax.families.api import GanFamily
from cinegan_jax.inference.sheet import grid
from cinegan_jax.ops.images import to_uint8
from cinegan_jax.training.state import Networks
from cinegan_jax.types import Images

GRID_ROWS = 4


class HeldOut:
    """Scores and sample grids of the same held-out pairs, squashed to one size."""

    def __init__(self, family: GanFamily, pairs: PairSource, count: int, size: int):
        """The first `count` readable pairs, spread evenly over the source."""
        self._evaluator = QuickEvaluator(_spread(pairs, count), size)

        @jax.jit
        def generate(networks: Networks, images: Images) -> Images:
            key = jax.random.key(0)
            return to_uint8(family.generate(*networks, {"input": images}, key))

        self._generate = generate

    def scores(self, networks: Networks) -> Iterable[tuple[str, float]]:
        """(name, value) of every score."""
        return self._evaluator(lambda images: self._generate(networks, images))

    def grid(self, networks: Networks) -> np.ndarray:
        """Rows of photo, generated and target, uint8 [h, w, 3]."""
        photos, targets = self._evaluator.inputs[:GRID_ROWS], self._evaluator.targets[:GRID_ROWS]
        return grid(*map(np.asarray, (photos, self._generate(networks, photos), targets)))


def _spread(pairs: PairSource, count: int) -> Iterator[Pair]:
    for index in np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int):
        try:
            yield pairs[int(index)]
        except BrokenPair:
            continue
