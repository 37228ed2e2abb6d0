"""Whether a generator copies: its pictures beside the nearest ones that it learned from."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np

from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.open_source import open_pictures
from cinegan_jax.data.pictures import Picture
from cinegan_jax.data.spread_examples import spread_pictures
from cinegan_jax.errors import UserError
from cinegan_jax.inference.workdir_networks import read_config
from cinegan_jax.sampling.nearest import compared_side, find_nearest
from cinegan_jax.sampling.training_pictures import BATCH, TrainingBatch, training_batches

HELD_OUT = 1000
"""Pictures at most whose distances show what is usual."""
NEAR = 1
"""Percentile of these distances below which a sample is near."""
ALIKE = 0.2
"""A distance of rounding alone: the pictures are the same."""

Watch = Callable[[Iterable[TrainingBatch], int], Iterable[TrainingBatch]]
"""Passes on batches, of which there are so many, and shows how far it is."""


@dataclasses.dataclass(frozen=True)
class LearnedFrom:
    """The pictures of a run, as `config.data` names them."""

    path: str
    look: str
    cache: str
    size: int
    crop: str

    @cached_property
    def train(self) -> ExampleSource[Picture]:
        """Those it learned from; raises UserError as `open_pictures`."""
        return self._open("train")

    @cached_property
    def test(self) -> ExampleSource[Picture]:
        """Those held out; raises UserError as `open_pictures`."""
        return self._open("test")

    def _open(self, split: str) -> ExampleSource[Picture]:
        return open_pictures(self.path, split, size=self.size, look=self.look, cache=self.cache)


def learned_from(workdir: str | os.PathLike[str]) -> LearnedFrom:
    """What a run learned from; raises UserError where the folder holds none."""
    data = read_config(workdir).data
    return LearnedFrom(data.path, data.look, data.cache, data.size, data.crop)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Samples and the training pictures nearest to each, the nearest first.

    Attributes:
        pictures: the samples, uint8 [n, size, size, 3].
        distances: float [n, k], in levels of 0..255, see `find_nearest`.
        indices: int [n, k], of training pictures in their source.
        mirrored: bool [n, k], whether the training picture is nearer when mirrored.
        held_out: float [m], of held-out pictures from the nearest training picture.
        trained: how many training pictures there are to compare with.
    """

    pictures: np.ndarray
    distances: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray
    held_out: np.ndarray
    trained: int

    def summary(self) -> dict[str, float]:
        """Figures that show copying: many samples nearer than held-out pictures ever are."""
        nearest, near = self.distances[:, 0], float(np.percentile(self.held_out, NEAR))
        return {
            "samples": len(nearest),
            "training_pictures": self.trained,
            "held_out_pictures": len(self.held_out),
            "compared_side": compared_side(self.pictures.shape[1]),
            "median_of_samples": float(np.median(nearest)),
            "median_of_held_out": float(np.median(self.held_out)),
            f"percentile_{NEAR}_of_held_out": near,
            "share_of_samples_nearer": float(np.mean(nearest < near)),
        }

    def in_words(self) -> str:
        """The same for people."""
        told = self.summary()
        near = told[f"percentile_{NEAR}_of_held_out"]
        lines = [
            f"Distance to the nearest of {self.trained:,} training pictures, in levels of 255 at "
            f"{told['compared_side']} pixels:",
            f"median {told['median_of_samples']:.1f} of {told['samples']:,} samples, "
            f"{told['median_of_held_out']:.1f} of {told['held_out_pictures']:,} held-out pictures;",
            f"{told['share_of_samples_nearer']:.1%} of the samples are nearer than "
            f"{100 - NEAR}% of the held-out pictures (below {near:.1f}): some {NEAR}% where "
            "nothing is copied.",
        ]
        if near < ALIKE:
            lines.append(
                "Held-out pictures are among the training pictures themselves, so that the last "
                "figure says nothing."
            )
        return "\n".join(lines)


def compare(pictures: np.ndarray, data: LearnedFrom, k: int, watch: Watch) -> Comparison:
    """Finds the `k` nearest training pictures of each sample, uint8 [n, size, size, 3].

    Raises:
        UserError: the data are not there, or hold no picture that can be read.
    """
    count = len(data.train)
    held_out = spread_pictures(data.test, HELD_OUT, data.size, data.crop)
    batches = watch(training_batches(data.train, data.size, data.crop), -(-count // BATCH))
    read: list[int] = []

    def stream() -> Iterator[np.ndarray]:
        for batch in batches:
            read.extend(batch.indices)
            yield batch.pictures

    found = find_nearest(np.concatenate([pictures, held_out]), stream(), min(k, count))
    if not read:
        raise UserError(f"none of the {count} training pictures in {data.path} can be read")
    n, k = len(pictures), min(k, len(read))
    distances, places, mirrored = (np.asarray(each)[:, :k] for each in found)
    indices = np.asarray(read)[places[:n]]
    return Comparison(
        pictures, distances[:n], indices, mirrored[:n], distances[n:, 0], trained=len(read)
    )
