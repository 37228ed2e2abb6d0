"""Samples as picture files, as a grid, and as walks; each function says what it wrote."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from cinegan_jax.errors import UserError
from cinegan_jax.inference.picture_grid import picture_grid, score_captions
from cinegan_jax.sampling.animation import choose_encoder
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.place import Place, to_png, write_file
from cinegan_jax.sampling.walk import closed_walk

AT_A_TIME = 512
"""Pictures held in memory."""


class Layout(NamedTuple):
    """Of a grid."""

    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """How many pictures it has."""
        return self.columns * self.rows


def parse_layout(text: str) -> Layout:
    """`8x4`: eight pictures a row, four rows.

    Raises:
        UserError: it is nothing like that.
    """
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", text)
    if found is None:
        raise UserError(f"--grid={text}: give COLUMNSxROWS, such as 8x8, each from 1 to 999")
    return Layout(*map(int, found.groups()))


def write_pictures(generator: LatentGenerator, count: int, place: Place, *, scores: bool) -> str:
    """Writes the first `count` pictures of the seed as PNG into a folder.

    Args:
        generator: makes them.
        count: 1 or more.
        place: for the folder.
        scores: writes `seedN-scores.json` too: how real the critic finds each, 0 to 1.

    Raises:
        UserError: see `Place.folder` and `write_file`.
    """
    names = [f"seed{generator.seed}-{number:06d}.png" for number in range(count)]
    scores_file = f"seed{generator.seed}-scores.json"
    folder = place.folder("samples", [*names, scores_file] if scores else names)
    found: list[float] = []
    for numbers in _parts(count):
        pictures = generator.decode(generator.latents(numbers))
        if scores:
            found += expit(np.float64(generator.judge(pictures))).tolist()
        for number, picture in zip(numbers, pictures, strict=True):
            write_file(folder / names[number], to_png(picture))
    if scores:
        write_file(folder / scores_file, json.dumps(dict(zip(names, found, strict=True)), indent=1))
    return f"{folder}: {count} pictures of step {generator.networks.step}"


def write_grid(generator: LatentGenerator, layout: Layout, place: Place, *, scores: bool) -> str:
    """Writes the first pictures of the seed in rows; with `scores`, the critic's over each.

    Raises:
        UserError: see `Place.file` and `write_file`.
    """
    path = place.file("grid.png")
    pictures = generator.decode(generator.latents(np.arange(layout.cells)))
    captions = score_captions(generator.judge(pictures)) if scores else None
    write_file(path, to_png(picture_grid(pictures, layout.columns, captions)))
    return f"{path}: {layout.cells} pictures of step {generator.networks.step}"


def write_walk(
    generator: LatentGenerator,
    stations: int,
    frames: int,
    fps: float,
    place: Place,
    layout: Layout | None = None,
) -> str:
    """Writes a closed walk, or many beside each other, as WebP or MP4.

    Args:
        generator: makes the pictures.
        stations: latents that a walk passes.
        frames: how many there are in all.
        fps: frames a second.
        place: for the file, whose ending says what it is.
        layout: of so many walks, each through latents of its own.

    Raises:
        UserError: see `Place.file`, `choose_encoder`, `closed_walk` and `write_file`.
    """
    path = place.file("walk.webp")
    encode = choose_encoder(path.name)
    write_file(path, encode(walk_frames(generator, stations, frames, layout), fps))
    seconds = f"{frames / fps:.1f} s"
    return f"{path}: {frames} frames, {seconds}, of step {generator.networks.step}"


def walk_frames(
    generator: LatentGenerator, stations: int, frames: int, layout: Layout | None = None
) -> np.ndarray:
    """The frames that `write_walk` writes, uint8 [frames, h, w, 3]; of one walk without gutters."""
    walks = layout.cells if layout else 1
    latents = generator.latents(np.arange(walks * stations)).reshape(walks, stations, -1)
    ways = np.stack([closed_walk(each, frames) for each in latents], axis=1)
    pictures = generator.decode(ways.reshape(frames * walks, -1))
    if layout is None:
        return pictures
    together = pictures.reshape(frames, walks, *pictures.shape[1:])
    return np.stack([picture_grid(each, layout.columns) for each in together])


def _parts(count: int) -> Iterator[np.ndarray]:
    for first in range(0, count, AT_A_TIME):
        yield np.arange(first, min(first + AT_A_TIME, count))
