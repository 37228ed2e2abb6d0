"""Output of `cinegan sample`: image files, grids and walks. Existing files need --overwrite."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath
from scipy.special import expit

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import make_folder, open_path, write_whole
from cinegan_jax.pages.image_grid import image_grid, score_captions, to_png
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.walk import choose_encoder, closed_walk

_IMAGES_IN_MEMORY = 512
"""Maximum number of images generated before they are written."""


class OutputPlace(NamedTuple):
    """Destination of the output.

    Attributes:
        output: file or folder; None: a name derived from the run's, in the current folder.
        run: name of the run.
        overwrite: whether to replace existing files.
    """

    output: str | None
    run: str
    overwrite: bool = False

    def folder(self, suffix: str, names: Sequence[str]) -> epath.Path:
        """Create the output folder, by default `RUN-suffix`, for files with these names.

        Raises:
            UserError: it cannot be created, or contains one of the files and `overwrite` is False.
        """
        folder = open_path(self.output or f"{self.run}-{suffix}")
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file: give a folder with -o")
        self._prepare(folder, names)
        return folder

    def file(self, suffix: str) -> epath.Path:
        """Return the output file, by default `RUN-suffix`, after creating its folder.

        Raises:
            UserError: it is a folder, it exists and `overwrite` is False, or its folder cannot be
                created.
        """
        path = open_path(self.output or f"{self.run}-{suffix}")
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file in it with -o")
        self._prepare(path.parent, [path.name])
        return path

    def _prepare(self, folder: epath.Path, names: Sequence[str]) -> None:
        make_folder(folder)
        if self.overwrite or not folder.exists():  # a bucket has no folder before its first file
            return
        existing = sorted({path.name for path in folder.iterdir()} & set(names))
        if existing:
            more = f" and {len(existing) - 1} others exist" if existing[1:] else " exists"
            raise UserError(
                f"{folder / existing[0]}{more}: give another place with -o, or --overwrite"
            )


class GridLayout(NamedTuple):
    """Number of columns and rows of a grid."""

    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """Number of images in the grid."""
        return self.columns * self.rows


def parse_layout(text: str) -> GridLayout:
    """Parse COLUMNSxROWS, such as `8x4`.

    Raises:
        UserError: the text has another form.
    """
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", text, re.ASCII)
    if found is None:
        raise UserError(f"--grid={text}: give COLUMNSxROWS, such as 8x8, each from 1 to 999")
    return GridLayout(*map(int, found.groups()))


def write_images(
    generator: LatentGenerator, count: int, place: OutputPlace, *, scores: bool
) -> str:
    """Write the first `count` images of the seed as PNG files into a folder.

    Args:
        generator: generates the images.
        count: number of images, 1 or more.
        place: destination folder.
        scores: also write `seedN-scores.json` with the discriminator's score of each image, from
            0 (fake) to 1 (real).

    Returns:
        A message for the user.

    Raises:
        UserError: see `OutputPlace.folder` and `write_file`.
    """
    names = [f"seed{generator.seed}-{number:06d}.png" for number in range(count)]
    scores_file = f"seed{generator.seed}-scores.json"
    folder = place.folder("samples", [*names, scores_file] if scores else names)
    found: list[float] = []
    for numbers in _slices(count):
        images = generator.decode(generator.latents(numbers))
        if scores:
            found += expit(np.float64(generator.judge(images))).tolist()
        for number, image in zip(numbers, images, strict=True):
            write_file(folder / names[number], to_png(image))
    if scores:
        write_file(folder / scores_file, json.dumps(dict(zip(names, found, strict=True)), indent=1))
    return f"{folder}: {count} images from step {generator.networks.step}"


def write_grid(
    generator: LatentGenerator, layout: GridLayout, place: OutputPlace, *, scores: bool
) -> str:
    """Write the first images of the seed as a grid, optionally with the discriminator's scores.

    Returns:
        A message for the user.

    Raises:
        UserError: see `OutputPlace.file` and `write_file`.
    """
    path = place.file("grid.png")
    images = generator.decode(generator.latents(np.arange(layout.cells)))
    captions = score_captions(generator.judge(images)) if scores else None
    write_file(path, to_png(image_grid(images, layout.columns, captions)))
    return f"{path}: {layout.cells} images from step {generator.networks.step}"


def write_walk(
    generator: LatentGenerator,
    stations: int,
    frames: int,
    fps: float,
    place: OutputPlace,
    layout: GridLayout | None = None,
) -> str:
    """Write a closed latent walk, or several side by side, as WebP or MP4.

    Args:
        generator: generates the images.
        stations: number of latents that a walk passes through.
        frames: total number of frames.
        fps: frames per second.
        place: destination file; its suffix determines the format.
        layout: grid of walks, each through latents of its own; None: one walk.

    Returns:
        A message for the user.

    Raises:
        UserError: see `OutputPlace.file`, `choose_encoder`, `closed_walk` and `write_file`.
    """
    path = place.file("walk.webp")
    encode = choose_encoder(path.name)
    write_file(path, encode(walk_frames(generator, stations, frames, layout), fps))
    seconds = f"{frames / fps:.1f} s"
    return f"{path}: {frames} frames, {seconds}, from step {generator.networks.step}"


def walk_frames(
    generator: LatentGenerator, stations: int, frames: int, layout: GridLayout | None = None
) -> np.ndarray:
    """Generate the frames of `write_walk`, uint8 [frames, h, w, 3]; one walk has no gutters."""
    walks = layout.cells if layout else 1
    latents = generator.latents(np.arange(walks * stations)).reshape(walks, stations, -1)
    ways = np.stack([closed_walk(each, frames) for each in latents], axis=1)
    images = generator.decode(ways.reshape(frames * walks, -1))
    if layout is None:
        return images
    by_frame = images.reshape(frames, walks, *images.shape[1:])
    return np.stack([image_grid(each, layout.columns) for each in by_frame])


def _slices(count: int) -> Iterator[np.ndarray]:
    for first in range(0, count, _IMAGES_IN_MEMORY):
        yield np.arange(first, min(first + _IMAGES_IN_MEMORY, count))


def write_file(path: epath.Path, content: bytes | str) -> None:
    """Write a file, complete or not at all.

    Raises:
        UserError: it cannot be written, for example because the disk is full.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
