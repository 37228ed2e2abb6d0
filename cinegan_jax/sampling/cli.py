"""`cinegan sample`. Slow imports are deferred to the command."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cinegan_jax.core.cli_options import CheckpointOption, WorkdirArgument, parse_checkpoint
from cinegan_jax.core.errors import UserError

_DEFAULT_COUNT = 64
_MAX_SEED = 2**32 - 1
_EXCLUSIVE = (
    ("count", "grid"),
    ("count", "walk"),
    ("grid", "neighbours"),
    ("walk", "neighbours"),
    ("walk", "scores"),
    ("neighbours", "scores"),
)
"""Pairs of options that exclude each other."""


def sample(
    workdir: WorkdirArgument,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="Number of images. [default: 64]")
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(metavar="COLUMNSxROWS", help="Write one image with a grid, such as 8x8."),
    ] = None,
    walk: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="K",
            help="Write a closed walk through K latents as .webp or .mp4; with --grid, several "
            "side by side.",
        ),
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="K",
            help="Show the K nearest training images of each sample, to detect copies.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=_MAX_SEED, help="Random seed. Image k of a seed is always the same."
        ),
    ] = 0,
    truncation: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Bound of the entries of latents: a lower one gives better but less varied "
            "images; 0: no bound.",
        ),
    ] = 0.0,
    checkpoint: CheckpointOption = "newest",
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Add the discriminator's score of each image, 0 (fake) to 1 (real)."
        ),
    ] = False,
    frames: Annotated[int, typer.Option(min=2, help="Number of frames of a walk.")] = 120,
    fps: Annotated[float, typer.Option(min=1, max=100, help="Frames per second of a walk.")] = 24.0,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder of images or neighbours, or file of a grid or walk. [default: "
            "RUN-samples, RUN-neighbours, RUN-grid.png, RUN-walk.webp]",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Generate images from random latents with a trained generator.

    Writes PNG files into a folder, or a grid, a walk or the nearest training images. Uses the
    averaged generator if the run kept one.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.core.storage import base_name
    from cinegan_jax.sampling.copies import read_run_images, write_neighbours
    from cinegan_jax.sampling.images import (
        OutputPlace,
        parse_layout,
        write_grid,
        write_images,
        write_walk,
    )
    from cinegan_jax.sampling.latent_generator import open_generator

    _check_exclusive(count=count, grid=grid, walk=walk, neighbours=neighbours, scores=scores)
    layout = parse_layout(grid) if grid is not None else None
    place = OutputPlace(output, base_name(workdir), overwrite)
    keep_compilations_for_user()
    generator = open_generator(workdir, parse_checkpoint(checkpoint), seed, truncation)
    if walk:
        message = write_walk(generator, walk, frames, fps, place, layout)
    elif layout:
        message = write_grid(generator, layout, place, scores=scores)
    elif neighbours:
        data = read_run_images(workdir)
        count = count or _DEFAULT_COUNT
        message = write_neighbours(generator, count, neighbours, data, place, _with_progress_bar)
    else:
        message = write_images(generator, count or _DEFAULT_COUNT, place, scores=scores)
    typer.echo(message)


def _check_exclusive(**given: Any) -> None:
    """Raise UserError if two options exclude each other."""
    names = {name for name, value in given.items() if value}
    for one, other in _EXCLUSIVE:
        if {one, other} <= names:
            raise UserError(f"--{one} and --{other} exclude each other: leave one out")


def _with_progress_bar(batches: Iterable[Any], count: int) -> Iterable[Any]:
    """Show a bar on standard error while `count` batches are consumed."""
    from rich.console import Console
    from rich.progress import track

    return track(batches, "Comparing", count, console=Console(stderr=True))
