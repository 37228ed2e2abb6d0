"""A few held-out pairs, looked at again and again while training goes on."""

from collections.abc import Iterable

import jax
import numpy as np

from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.spread_examples import FITS, spread_examples
from cinegan_jax.evaluation.quick import QuickEvaluator
from cinegan_jax.families.api import GanFamily
from cinegan_jax.inference.sheet import grid
from cinegan_jax.ops.images import to_uint8
from cinegan_jax.training.state import Networks
from cinegan_jax.types import Images

GRID_ROWS = 4


class HeldOutPairs:
    """Scores and sample grids of the same held-out pairs, at the size that is trained on."""

    def __init__(self, family: GanFamily, pairs: PairSource, count: int, size: int, crop: str):
        """`count` pairs, spread evenly over the source; those that cannot serve are left out.

        `crop` is that of training: squashed pictures have another scale than crops, and what a
        network learns of light and texture has one.
        """
        usable = spread_examples(pairs, count, size, crop)
        self._evaluator = QuickEvaluator(usable, size, FITS[crop])

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
