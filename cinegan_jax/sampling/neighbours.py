"""Samples beside the training pictures nearest to them, as a sheet and as figures."""

import json
from typing import Any

import numpy as np

from cinegan_jax.inference.picture_grid import picture_grid
from cinegan_jax.sampling.copying import Comparison, LearnedFrom, Watch, compare
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.place import Place, to_png, write_file
from cinegan_jax.sampling.training_pictures import fitted_picture

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
