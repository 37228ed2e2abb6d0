"""Search for copies of training images among samples, and the sheet that shows them."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.images import SingleImage
from cinegan_jax.data.selection import stratified_images
from cinegan_jax.data.sources import open_images
from cinegan_jax.inference.run_networks import read_config
from cinegan_jax.pages.image_grid import picture_grid
from cinegan_jax.sampling.images import Place, to_png, write_file
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.nearest import (
    BATCH,
    TrainingBatch,
    compared_side,
    find_nearest,
    fitted_picture,
    training_batches,
)

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
    def train(self) -> ExampleSource[SingleImage]:
        """Those it learned from; raises UserError as `open_images`."""
        return self._open("train")

    @cached_property
    def test(self) -> ExampleSource[SingleImage]:
        """Those held out; raises UserError as `open_images`."""
        return self._open("test")

    def _open(self, split: str) -> ExampleSource[SingleImage]:
        return open_images(self.path, split, size=self.size, look=self.look, cache=self.cache)


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
    held_out = stratified_images(data.test, HELD_OUT, data.size, data.crop)
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


SHEET, FIGURES = "neighbours.png", "neighbours.json"
SHEET_ROWS = 24


def write_neighbours(
    generator: LatentGenerator, count: int, k: int, data: LearnedFrom, place: Place, watch: Watch
) -> str:
    """Writes a folder with `neighbours.png`, see `sheet`, and `neighbours.json`, all distances.

    Args:
        generator: makes the samples.
        count: the first so many of the seed.
        k: training pictures a sample.
        data: what the run learned from.
        place: for the folder.
        watch: shows how far it is.

    Returns:
        What was found, for people.

    Raises:
        UserError: see `Place.folder`, `compare` and `write_file`.
    """
    folder = place.folder("neighbours", [SHEET, FIGURES])
    pictures = generator.decode(generator.latents(np.arange(count)))
    comparison = compare(pictures, data, k, watch)
    write_file(folder / SHEET, to_png(sheet(comparison, data)))
    figures = {
        "step": generator.networks.step,
        "seed": generator.seed,
        "truncation": generator.truncation,
        **comparison.summary(),
        "neighbours": details(comparison, data),
    }
    write_file(folder / FIGURES, json.dumps(figures, indent=1))
    return f"{comparison.in_words()}\n{folder}: {SHEET}, {FIGURES}"


def sheet(comparison: Comparison, data: LearnedFrom, rows: int = SHEET_ROWS) -> np.ndarray:
    """Samples at the left, the training pictures nearest to each beside it, uint8 [h, w, 3].

    The samples nearest to a training picture come first, under their numbers; the others stand
    under their distances, mirrored where they are so nearer.
    """
    cells, captions = [], []
    for row in np.argsort(comparison.distances[:, 0], kind="stable")[:rows]:
        cells.append(comparison.pictures[row])
        captions.append(f"#{row}")
        neighbours = (comparison.indices, comparison.distances, comparison.mirrored)
        for index, distance, mirrored in zip(*(each[row] for each in neighbours), strict=True):
            picture = fitted_picture(data.train, int(index), data.size, data.crop)
            assert picture is not None  # it has been read once
            cells.append(picture[:, ::-1] if mirrored else picture)
            captions.append(f"{distance:.1f}")
    return picture_grid(np.stack(cells), 1 + comparison.distances.shape[1], captions)


def details(comparison: Comparison, data: LearnedFrom) -> list[list[dict[str, Any]]]:
    """Of each sample the names of its neighbours with distances, for a file."""
    names = data.train.names
    return [
        [
            {"name": names[index], "distance": round(float(distance), 2), "mirrored": bool(flag)}
            for index, distance, flag in zip(*row, strict=True)
        ]
        for row in zip(comparison.indices, comparison.distances, comparison.mirrored, strict=True)
    ]
