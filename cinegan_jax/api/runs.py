"""Trained runs: their configs, networks and records, and images from their generators."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import ml_collections
import numpy as np

from cinegan_jax.checkpointing.pretrained import Which
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import read_json_lines
from cinegan_jax.core.renamed import with_current_names
from cinegan_jax.core.storage import absolute, local_copy
from cinegan_jax.core.types import Images, Params
from cinegan_jax.families.api import GanFamily, makes_from_latents
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.network import Generate, make_generate
from cinegan_jax.inference.run_networks import (
    SavedNetworks,
    WorkdirNetworks,
    look_of,
    read_config,
    read_saved,
)
from cinegan_jax.sampling.latent_generator import LatentGenerator


def load_run(workdir: str | os.PathLike[str], *, step: Which = "newest") -> "TrainedRun":
    """Load a run from its workdir, local or in a bucket (`gs://`).

    Args:
      workdir: the run's folder; it is only read.
      step: the checkpoint: `newest`, `best` by the metric that the run ranks them by, or the number
        of a step.

    Raises:
      UserError: the folder holds no run, or no such checkpoint.
    """
    folder = absolute(workdir)
    config = read_config(folder)
    family = build_family(_in_float32(config))
    saved = read_saved(folder, family, config.data.size, step)
    return TrainedRun(os.fspath(workdir), config, family, saved)


def _in_float32(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    changed = config.copy_and_resolve_references()
    changed.precision = "f32"
    return changed


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A run and the networks of one of its checkpoints.

    Attributes:
      workdir: the run's folder.
      config: the config that it was trained with, keys of older versions under their present names.
      family: its networks and losses, built to compute in float32.
      saved: the networks as they were saved.
    """

    workdir: str
    config: ml_collections.ConfigDict
    family: GanFamily
    saved: SavedNetworks

    @property
    def step(self) -> int:
        """The step of the checkpoint."""
        return self.saved.step

    @property
    def params(self) -> Mapping[str, Params]:
        """Trained parameters by player, such as `generator`."""
        return self.saved.params

    @property
    def ema(self) -> Mapping[str, Params]:
        """Averaged parameters by player; empty where the run kept no average."""
        return self.saved.ema

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The records of `metrics.jsonl`, oldest first, each with its `step`."""
        file = absolute(self.workdir) / "metrics.jsonl"
        if not file.exists():
            return []
        with local_copy(file) as copy:
            return [with_current_names(record) for record in read_json_lines(copy)]

    def generate(self, images: np.ndarray) -> np.ndarray:
        """Apply the generator of an image-to-image run, the average where the run kept one.

        Args:
          images: uint8 [h, w, 3] or [n, h, w, 3], of any size.

        Returns:
          uint8 of the same shape.

        Raises:
          UserError: the run generates from latents, or the images have another type or shape.
        """
        if makes_from_latents(self.family):
            raise UserError(
                f"{self.workdir} holds a run of family {self.config.family!r}, which generates "
                "from latents: use sample(count)"
            )
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[-1] != 3:
            raise UserError(
                "generate takes uint8 [height, width, 3] or [count, height, width, 3], not "
                f"{images.dtype} {list(images.shape)}"
            )
        if images.ndim == 3:
            return self._generate(images)
        return np.stack([self._generate(image) for image in images])

    def sample(self, count: int, *, seed: int = 0, truncation: float = 0.0) -> np.ndarray:
        """Generate images from latents. Image k of a seed does not depend on the count.

        Args:
          count: number of images.
          seed: 0 to 2^32 - 1.
          truncation: bound of the entries of a latent; 0: none.

        Returns:
          uint8 [count, h, w, 3].

        Raises:
          UserError: the run changes photos instead, or an argument is out of range.
        """
        family = self.family
        if not makes_from_latents(family):
            raise UserError(
                f"{self.workdir} holds a run of family {self.config.family!r}, which changes "
                "images instead of generating them from latents: use generate(images)"
            )
        if count < 1 or not 0 <= seed < 2**32:
            raise UserError(f"count={count} must be 1 or more, seed={seed} 0 to 2^32 - 1")
        generator = LatentGenerator(family, self.saved.averaged, seed, truncation)
        return generator.decode(generator.latents(np.arange(count)))

    def look(self) -> Look:
        """Return the generator of a run of CineGAN as a look.

        Raises:
          UserError: the run is of another family.
        """
        if not isinstance(self.family, CineGan):
            raise UserError(
                f"{self.workdir} holds a run of family {self.config.family!r}, not 'cinegan'"
            )
        return look_of(self.family, self.saved.averaged, absolute(self.workdir).name)

    @cached_property
    def _generate(self) -> Generate:
        def apply(networks: WorkdirNetworks, images: Images) -> Images:
            batch = {"input": images}
            return self.family.generate(networks.params, networks.state, batch, jax.random.key(0))

        return make_generate(apply, self.saved.averaged)
