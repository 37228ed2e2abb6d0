"""What is evaluated of a run that learns from pictures: its generator, and the real ones."""

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property

import ml_collections
import numpy as np

from cinegan_jax.core.storage import AnyPath
from cinegan_jax.core.versions import versions
from cinegan_jax.data.selection import stratified_images
from cinegan_jax.data.sources import open_images
from cinegan_jax.evaluation.result import About
from cinegan_jax.sampling.latent_generator import LatentGenerator, open_generator

MOST_PICTURES = 10_000
"""Of a set, where nobody asks for another number: as many as FID is usually told of."""


@dataclasses.dataclass(frozen=True)
class PictureTarget:
    """What is evaluated, and against what.

    Attributes:
        generator: of the newest checkpoint.
        data: the section of the run's config, with `path`, `look`, `size`, `crop` and `cache`.
        about: for people.
        most: pictures of a set, where so many are held out.
    """

    generator: LatentGenerator
    data: ml_collections.ConfigDict
    about: About
    most: int = MOST_PICTURES

    @cached_property
    def held_out(self) -> np.ndarray:
        """The references, spread evenly over the test split: uint8 [n, size, size, 3].

        Raises:
            UserError: fewer than two can be read.
        """
        return self._known("test", self.most)

    @cached_property
    def sets(self) -> Mapping[str, np.ndarray]:
        """Pictures by method, as many as are held out where there are: uint8 [n, size, size, 3].

        Training pictures get the scores of a generator that has learnt all there is to learn.
        """
        count = len(self.held_out)
        return {
            "training": self._known("train", count),
            "generator": self.generator.decode(self.generator.latents(np.arange(count))),
        }

    def _known(self, split: str, count: int) -> np.ndarray:
        data = self.data
        source = open_images(data.path, split, size=data.size, look=data.look, cache=data.cache)
        return stratified_images(source, count, data.size, data.crop)


def picture_target(workdir: AnyPath, data: ml_collections.ConfigDict) -> PictureTarget:
    """The newest generator of a run; of several processes all must ask.

    Args:
        workdir: the run's folder.
        data: see `PictureTarget`.

    Raises:
        UserError: it has no good checkpoint, or makes pictures of something else than latents.
    """
    generator = open_generator(workdir)
    about = About(
        os.fspath(workdir),
        data.path,
        look="",
        step=generator.networks.step,
        versions=versions(),
    )
    return PictureTarget(generator, data, about)
