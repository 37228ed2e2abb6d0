"""Periodic evaluation on held-out examples during training: scores and sample grids."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images
from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.images import ImageSource
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.selection import FITS, evenly_spaced, stratified_images
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.evaluation.quick import QuickEvaluator
from cinegan_jax.families.api import GanFamily, makes_from_latents
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.ops.images import to_signed, to_uint8
from cinegan_jax.pages.image_grid import image_grid, pair_grid, score_captions
from cinegan_jax.training.state import Networks

_GRID_ROWS = 4  # of pairs
_GRID_COLUMNS = 8
_CHUNK = _GRID_COLUMNS**2
"""Number of images generated at a time: those of a grid."""


class HeldOut(Protocol):
    """Scores and sample grids of always the same held-out examples or random keys."""

    def scores(self, networks: Networks) -> Iterable[tuple[str, float]]:
        """Yield the name and value of every score."""
        ...

    def grid(self, networks: Networks) -> np.ndarray:
        """Return a grid of images, uint8 [h, w, 3]."""
        ...


def make_held_out(
    family: GanFamily,
    examples: ExampleSource[Any],
    *,
    count: int,
    size: int,
    crop: str,
    judged: bool,
) -> HeldOut:
    """Return the periodic evaluation for what the family learns from.

    Args:
      family, count, size, crop, judged: see `HeldOutImages`.
      examples: the held-out examples.

    Raises:
      UserError: too few examples are usable, or the discriminator cannot score single images.
    """
    if family.learns_from == "images":
        return HeldOutImages(family, examples, count, size, crop, judged)
    return HeldOutPairs(family, examples, count, size, crop)


class HeldOutPairs:
    """Scores and sample grids of held-out pairs, at the training size."""

    def __init__(self, family: GanFamily, pairs: PairSource, count: int, size: int, crop: str):
        """Use `count` evenly spaced pairs of the source; unusable ones are left out.

        `crop` is that of training: squashed images have another scale than crops, and what a
        network learns of light and texture depends on scale.
        """
        usable = evenly_spaced(pairs, count, size, crop)
        self._evaluator = QuickEvaluator(usable, size, FITS[crop])

        @jax.jit
        def generate(networks: Networks, images: Images) -> Images:
            key = jax.random.key(0)
            return to_uint8(family.generate(*networks, {"input": images}, key))

        self._generate = generate

    def scores(self, networks: Networks) -> Iterable[tuple[str, float]]:
        """Yield the name and value of every score."""
        return self._evaluator(lambda images: self._generate(networks, images))

    def grid(self, networks: Networks) -> np.ndarray:
        """Return rows of photo, generated image and target, uint8 [h, w, 3]."""
        photos, targets = self._evaluator.inputs[:_GRID_ROWS], self._evaluator.targets[:_GRID_ROWS]
        return pair_grid(*map(np.asarray, (photos, self._generate(networks, photos), targets)))


class HeldOutImages:
    """Scores and sample grids of unconditional samples, from the same random keys each time.

    Args:
      family: a family that learns from images.
      images: the held-out images.
      count: number of evenly spaced held-out images, compared with as many samples.
      size: training size: height and width in pixels.
      crop: how images are brought to that size, as in training.
      judged: print the discriminator's score, 0 to 1, over each image of a grid.

    Raises:
      UserError: fewer than two images are usable, or the discriminator cannot score single images.
    """

    def __init__(
        self,
        family: GanFamily,
        images: ImageSource,
        count: int,
        size: int,
        crop: str,
        judged: bool,
    ):
        references = stratified_images(images, count, size, crop)
        self._count, self._judge = len(references), _judge_of(family) if judged else None
        self._drawn = isinstance(images, DrawnShapes)  # their modes can be counted
        self._features = random_features_on_devices()
        self._references = RandomSet(self._features(references))

        @jax.jit
        def generate(networks: Networks, number: jax.Array) -> Images:
            batch = {"target": jnp.zeros((_CHUNK, size, size, 3), jnp.uint8)}
            key = jax.random.fold_in(jax.random.key(0), number)
            return to_uint8(family.generate(*networks, batch, key))

        self._generate = generate

    def scores(self, networks: Networks) -> Iterator[tuple[str, float]]:
        """Yield the name and value of every score."""
        chunks = [
            np.asarray(self._generate(networks, number))
            for number in range(-(-self._count // _CHUNK))
        ]
        samples = np.concatenate(chunks)[: self._count]
        features = RandomSet(self._features(samples))
        yield from random_set_scores(features, self._references).items()
        if self._drawn:
            yield from mode_scores(samples).items()

    def grid(self, networks: Networks) -> np.ndarray:
        """Return a grid of the first samples, eight per row, uint8 [h, w, 3]."""
        samples = self._generate(networks, 0)
        captions = None
        if self._judge is not None:
            captions = score_captions(np.asarray(self._judge(networks, samples)))
        return image_grid(np.asarray(samples), _GRID_COLUMNS, captions)


def _judge_of(family: GanFamily) -> Callable[[Networks, Images], jax.Array]:
    """Return the function from images, uint8 [n, h, w, 3], to the discriminator's logits [n]."""
    if not makes_from_latents(family):
        raise UserError(
            "config.sample_scores=True: the discriminator of this family scores no single images; "
            "set it to False"
        )

    @jax.jit
    def judge(networks: Networks, images: Images) -> jax.Array:
        return family.judge(*networks, to_signed(images))

    return judge
