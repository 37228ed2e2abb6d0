"""Periodic evaluation on held-out examples during training: scores and sample grids."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.checkpointing.checkpoints import BestMode
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images
from cinegan_jax.data.images import ImageSource
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.selection import FITS, evenly_spaced, stratified_images
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.evaluation.quick import QuickEvaluator
from cinegan_jax.families.api import GanFamily, Learned, makes_from_latents
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.ops.images import to_signed, to_uint8
from cinegan_jax.pages.image_grid import grid, picture_grid, score_captions
from cinegan_jax.training.state import Networks

BEST_MODES: Mapping[Learned, Mapping[str, BestMode]] = {
    "pairs": {"psnr": "max", "psnr_clean": "max", "delta_e": "min", "delta_e_clean": "min"},
    "images": {"feature_distance": "min", "kernel_distance": "min"},
}
"""By what a family learns from; `_clean` is measured where the target is known without its
grain."""


def best_mode(metric: str, learns_from: Learned) -> BestMode:
    """Whether the highest or the lowest value of a score is the best.

    Raises:
      UserError: it is not measured of families that learn from that.
    """
    modes = BEST_MODES[learns_from]
    if metric not in modes:
        raise UserError(
            f"best_metric={metric!r} is not one of {', '.join(modes)}, which are measured of a "
            f"family that learns from {learns_from}"
        )
    return modes[metric]


class HeldOut(Protocol):
    """Scores and sample grids that show how networks develop: always of the same."""

    def scores(self, networks: Networks) -> Iterable[tuple[str, float]]:
        """(name, value) of every score."""
        ...

    def grid(self, networks: Networks) -> np.ndarray:
        """Pictures side by side, uint8 [h, w, 3]."""
        ...


GRID_ROWS = 4


class HeldOutPairs:
    """Scores and sample grids of the same held-out pairs, at the size that is trained on."""

    def __init__(self, family: GanFamily, pairs: PairSource, count: int, size: int, crop: str):
        """`count` pairs, spread evenly over the source; those that cannot serve are left out.

        `crop` is that of training: squashed pictures have another scale than crops, and what a
        network learns of light and texture has one.
        """
        usable = evenly_spaced(pairs, count, size, crop)
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


GRID_COLUMNS = 8
CHUNK = GRID_COLUMNS**2
"""Pictures made at a time: those of a grid."""


class HeldOutPictures:
    """Scores and sample grids of pictures that are made of the same random keys each time.

    Args:
      family: learns from pictures.
      pictures: held out.
      count: so many of them, spread evenly, are compared with as many generated ones.
      size: height and width of what is trained on.
      crop: how pictures are brought to it, as in training.
      judged: the discriminator's score, 0 to 1, stands over each picture of a grid.

    Raises:
      UserError: fewer than two pictures can serve, or the family's discriminator cannot judge.
    """

    def __init__(
        self,
        family: GanFamily,
        pictures: ImageSource,
        count: int,
        size: int,
        crop: str,
        judged: bool,
    ):
        references = stratified_images(pictures, count, size, crop)
        self._count, self._judge = len(references), _judge_of(family) if judged else None
        self._drawn = isinstance(pictures, DrawnShapes)  # whose modes can be counted
        self._features = random_features_on_devices()
        self._references = RandomSet(self._features(references))

        @jax.jit
        def generate(networks: Networks, number: jax.Array) -> Images:
            batch = {"target": jnp.zeros((CHUNK, size, size, 3), jnp.uint8)}
            key = jax.random.fold_in(jax.random.key(0), number)
            return to_uint8(family.generate(*networks, batch, key))

        self._generate = generate

    def scores(self, networks: Networks) -> Iterator[tuple[str, float]]:
        """(name, value) of every score."""
        chunks = [
            np.asarray(self._generate(networks, number))
            for number in range(-(-self._count // CHUNK))
        ]
        pictures = np.concatenate(chunks)[: self._count]
        made = RandomSet(self._features(pictures))
        yield from random_set_scores(made, self._references).items()
        if self._drawn:
            yield from mode_scores(pictures).items()

    def grid(self, networks: Networks) -> np.ndarray:
        """The first pictures, eight a row, uint8 [h, w, 3]."""
        pictures = self._generate(networks, 0)
        captions = None
        if self._judge is not None:
            captions = score_captions(np.asarray(self._judge(networks, pictures)))
        return picture_grid(np.asarray(pictures), GRID_COLUMNS, captions)


def _judge_of(family: GanFamily) -> Callable[[Networks, Images], jax.Array]:
    """Its discriminator's logits [n] of pictures, uint8 [n, h, w, 3]."""
    if not makes_from_latents(family):
        raise UserError(
            "config.sample_scores=True: this family's discriminator judges no single pictures"
        )

    @jax.jit
    def judge(networks: Networks, images: Images) -> jax.Array:
        return family.judge(*networks, to_signed(images))

    return judge
