"""Write samples as image files, as a grid and as walks; no existing file is replaced unasked."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath
from PIL import Image
from scipy.special import expit

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import make_folder, open_path, write_whole
from cinegan_jax.pages.image_grid import image_grid, score_captions
from cinegan_jax.sampling.latent_generator import LatentGenerator
from cinegan_jax.sampling.walk import choose_encoder, closed_walk


class Place(NamedTuple):
    """Where the user wants them.

    Attributes:
        output: a file or folder; None: in the current folder under the run's name.
        run: its name.
        overwrite: whether files are replaced.
    """

    output: str | None
    run: str
    overwrite: bool = False

    def folder(self, suffix: str, names: Sequence[str]) -> epath.Path:
        """The folder `RUN-suffix` or the one that is wanted, ready for files of these names.

        Raises:
            UserError: it cannot be made, or has one of the files and none is to be replaced.
        """
        folder = open_path(self.output or f"{self.run}-{suffix}")
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file: give a folder with -o")
        self._prepare(folder, names)
        return folder

    def file(self, suffix: str) -> epath.Path:
        """The file `RUN-suffix` or the one that is wanted, in a folder that is there.

        Raises:
            UserError: it is a folder, or it exists and is not to be replaced, or the folder that it
                lies in cannot be made.
        """
        path = open_path(self.output or f"{self.run}-{suffix}")
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file in it with -o")
        self._prepare(path.parent, [path.name])
        return path

    def _prepare(self, folder: epath.Path, names: Sequence[str]) -> None:
        make_folder(folder)
        if self.overwrite or not folder.exists():  # in a bucket there is none before its files
            return
        existing = sorted({path.name for path in folder.iterdir()} & set(names))
        if existing:
            more = f" and {len(existing) - 1} others exist" if existing[1:] else " exists"
            raise UserError(
                f"{folder / existing[0]}{more}: give another place with -o, or --overwrite"
            )


def write_file(path: epath.Path, content: bytes | str) -> None:
    """Writes a file, whole or not at all.

    Raises:
        UserError: it cannot be written: the disk is full, say.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def to_png(picture: np.ndarray) -> bytes:
    """A PNG of a picture uint8 [h, w, 3]."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


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
        scores: writes `seedN-scores.json` too: how real the discriminator finds each, 0 to 1.

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
    """Writes the first pictures of the seed in rows; with `scores`, the discriminator's over each.

    Raises:
        UserError: see `Place.file` and `write_file`.
    """
    path = place.file("grid.png")
    pictures = generator.decode(generator.latents(np.arange(layout.cells)))
    captions = score_captions(generator.judge(pictures)) if scores else None
    write_file(path, to_png(image_grid(pictures, layout.columns, captions)))
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
    return np.stack([image_grid(each, layout.columns) for each in together])


def _parts(count: int) -> Iterator[np.ndarray]:
    for first in range(0, count, AT_A_TIME):
        yield np.arange(first, min(first + AT_A_TIME, count))
