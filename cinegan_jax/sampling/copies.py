"""Search for copies of training images among samples, and the contact sheet that shows them."""

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
from cinegan_jax.pages.image_grid import image_grid, to_png
from cinegan_jax.sampling.images import OutputPlace, write_file
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.nearest import (
    TRAINING_BATCH_SIZE,
    TrainingBatch,
    compared_side,
    find_nearest,
    fitted_image,
    training_batches,
)

_MAX_HELD_OUT = 1000
"""Maximum number of held-out images whose distances serve as reference."""
_NEAR_PERCENTILE = 1
"""Percentile of the reference distances below which a sample counts as near."""
_ROUNDING_DISTANCE = 0.2
"""Distance that rounding alone causes; images that are nearer are the same image."""
_SHEET, _FIGURES = "neighbours.png", "neighbours.json"
_SHEET_ROWS = 24

BatchProgress = Callable[[Iterable[TrainingBatch], int], Iterable[TrainingBatch]]
"""Function of batches and their number that yields the batches and shows the progress."""


@dataclasses.dataclass(frozen=True)
class RunImages:
    """The training and held-out images of a run, with the fields of `config.data`."""

    path: str
    look: str
    cache: str
    size: int
    crop: str

    @cached_property
    def train(self) -> ExampleSource[SingleImage]:
        """Training images; raises UserError like `open_pictures`."""
        return self._open("train")

    @cached_property
    def test(self) -> ExampleSource[SingleImage]:
        """Held-out images; raises UserError like `open_pictures`."""
        return self._open("test")

    def _open(self, split: str) -> ExampleSource[SingleImage]:
        return open_images(self.path, split, size=self.size, look=self.look, cache=self.cache)


def read_run_images(workdir: str | os.PathLike[str]) -> RunImages:
    """Read from a run's config which images it uses; raises UserError if there is no run."""
    data = read_config(workdir).data
    return RunImages(data.path, data.look, data.cache, data.size, data.crop)


@dataclasses.dataclass(frozen=True)
class NeighbourComparison:
    """Samples and their nearest training images, nearest first.

    Attributes:
        samples: uint8 [n, size, size, 3].
        distances: float [n, k], in levels of 0..255, see `find_nearest`.
        indices: int [n, k], indices of training images in their source.
        mirrored: bool [n, k], whether the mirrored training image is nearer.
        held_out: float [m], distance of held-out images to their nearest training image.
        trained: number of training images compared with.
    """

    samples: np.ndarray
    distances: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray
    held_out: np.ndarray
    trained: int

    def figures(self) -> dict[str, float]:
        """Return figures that reveal copying: the share of samples nearer than held-out images."""
        nearest = self.distances[:, 0]
        near = float(np.percentile(self.held_out, _NEAR_PERCENTILE))
        return {
            "samples": len(nearest),
            "training_images": self.trained,
            "held_out_images": len(self.held_out),
            "compared_side": compared_side(self.samples.shape[1]),
            "median_of_samples": float(np.median(nearest)),
            "median_of_held_out": float(np.median(self.held_out)),
            f"percentile_{_NEAR_PERCENTILE}_of_held_out": near,
            "share_of_samples_nearer": float(np.mean(nearest < near)),
        }

    def summary(self) -> str:
        """Return the figures as text."""
        figures = self.figures()
        near = figures[f"percentile_{_NEAR_PERCENTILE}_of_held_out"]
        lines = [
            f"Distance to the nearest of {self.trained:,} training images, in levels of 255 at "
            f"{figures['compared_side']} pixels:",
            f"median of {figures['samples']:,} samples: {figures['median_of_samples']:.1f}; median "
            f"of {figures['held_out_images']:,} held-out images: "
            f"{figures['median_of_held_out']:.1f};",
            f"{figures['share_of_samples_nearer']:.1%} of the samples are nearer than "
            f"{100 - _NEAR_PERCENTILE}% of the held-out images (below {near:.1f}). About "
            f"{_NEAR_PERCENTILE}% is expected without copying.",
        ]
        if near < _ROUNDING_DISTANCE:
            lines.append(
                "Some held-out images are also training images, so the last figure is meaningless."
            )
        return "\n".join(lines)


def compare_with_training(
    samples: np.ndarray, data: RunImages, k: int, progress: BatchProgress
) -> NeighbourComparison:
    """Find the `k` nearest training images of each sample, uint8 [n, size, size, 3].

    Raises:
        UserError: the data are missing, or no training image can be read.
    """
    count = len(data.train)
    held_out = stratified_images(data.test, _MAX_HELD_OUT, data.size, data.crop)
    batches = progress(
        training_batches(data.train, data.size, data.crop), -(-count // TRAINING_BATCH_SIZE)
    )
    read: list[int] = []

    def stream() -> Iterator[np.ndarray]:
        for batch in batches:
            read.extend(batch.indices)
            yield batch.images

    found = find_nearest(np.concatenate([samples, held_out]), stream(), min(k, count))
    if not read:
        raise UserError(f"none of the {count} training images in {data.path} can be read")
    n, k = len(samples), min(k, len(read))
    distances, places, mirrored = (np.asarray(each)[:, :k] for each in found)
    indices = np.asarray(read)[places[:n]]
    return NeighbourComparison(
        samples, distances[:n], indices, mirrored[:n], distances[n:, 0], trained=len(read)
    )


def write_neighbours(
    generator: LatentGenerator,
    count: int,
    k: int,
    data: RunImages,
    place: OutputPlace,
    progress: BatchProgress,
) -> str:
    """Write a folder with a contact sheet, `neighbours.png`, and all distances, `neighbours.json`.

    Args:
        generator: generates the samples.
        count: number of samples, the first ones of the seed.
        k: training images per sample.
        data: images of the run.
        place: destination folder.
        progress: shows the progress.

    Returns:
        A message for the user with the figures.

    Raises:
        UserError: see `OutputPlace.folder`, `compare_with_training` and `write_file`.
    """
    folder = place.folder("neighbours", [_SHEET, _FIGURES])
    samples = generator.decode(generator.latents(np.arange(count)))
    comparison = compare_with_training(samples, data, k, progress)
    write_file(folder / _SHEET, to_png(neighbour_sheet(comparison, data)))
    figures = {
        "step": generator.networks.step,
        "seed": generator.seed,
        "truncation": generator.truncation,
        **comparison.figures(),
        "neighbours": neighbour_list(comparison, data),
    }
    write_file(folder / _FIGURES, json.dumps(figures, indent=1))
    return f"{comparison.summary()}\n{folder}: {_SHEET}, {_FIGURES}"


def neighbour_sheet(
    comparison: NeighbourComparison, data: RunImages, rows: int = _SHEET_ROWS
) -> np.ndarray:
    """Draw samples with their nearest training images to the right, uint8 [h, w, 3].

    The rows start with the samples nearest to a training image. A sample is captioned with its
    number, a training image with its distance. Training images are mirrored if that is nearer.
    """
    cells, captions = [], []
    for row in np.argsort(comparison.distances[:, 0], kind="stable")[:rows]:
        cells.append(comparison.samples[row])
        captions.append(f"#{row}")
        neighbours = (comparison.indices, comparison.distances, comparison.mirrored)
        for index, distance, mirrored in zip(*(each[row] for each in neighbours), strict=True):
            image = fitted_image(data.train, int(index), data.size, data.crop)
            assert image is not None  # it was read before
            cells.append(image[:, ::-1] if mirrored else image)
            captions.append(f"{distance:.1f}")
    return image_grid(np.stack(cells), 1 + comparison.distances.shape[1], captions)


def neighbour_list(comparison: NeighbourComparison, data: RunImages) -> list[list[dict[str, Any]]]:
    """Return the names and distances of each sample's neighbours, as JSON values."""
    names = data.train.names
    return [
        [
            {"name": names[index], "distance": round(float(distance), 2), "mirrored": bool(flag)}
            for index, distance, flag in zip(*row, strict=True)
        ]
        for row in zip(comparison.indices, comparison.distances, comparison.mirrored, strict=True)
    ]
