"""Pictures made of chance, against held-out ones, again and again while training goes on."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.data.pictures import PictureSource
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.data.spread_examples import spread_pictures
from cinegan_jax.errors import UserError
from cinegan_jax.families.api import GanFamily, makes_from_latents
from cinegan_jax.inference.picture_grid import picture_grid, score_captions
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.random_sets import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.ops.images import to_signed, to_uint8
from cinegan_jax.training.state import Networks
from cinegan_jax.types import Images

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
      judged: the critic's score, 0 to 1, stands over each picture of a grid.

    Raises:
      UserError: fewer than two pictures can serve, or the family's critic cannot judge.
    """

    def __init__(
        self,
        family: GanFamily,
        pictures: PictureSource,
        count: int,
        size: int,
        crop: str,
        judged: bool,
    ):
        references = spread_pictures(pictures, count, size, crop)
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
    """Its critic's logits [n] of pictures, uint8 [n, h, w, 3]."""
    if not makes_from_latents(family):
        raise UserError("config.sample_scores=True: this family's critic judges no single pictures")

    @jax.jit
    def judge(networks: Networks, images: Images) -> jax.Array:
        return family.judge(*networks, to_signed(images))

    return judge
