"""`cinegan sample`. Heavy imports wait in the command."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cinegan_jax.core.errors import UserError

if TYPE_CHECKING:
    from cinegan_jax.checkpointing.pretrained import Which

COUNT = 64
LARGEST_SEED = 2**32 - 1
EXCLUSIVE = (
    ("count", "grid"),
    ("count", "walk"),
    ("grid", "neighbours"),
    ("walk", "neighbours"),
    ("walk", "scores"),
    ("neighbours", "scores"),
)
"""Options of which at most one can be given."""


def sample(
    workdir: Annotated[str, typer.Argument(metavar="WORKDIR", help="Of a run; may be gs://.")],
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="Pictures. [default: 64]")
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(metavar="COLUMNSxROWS", help="One picture of so many, such as 8x8."),
    ] = None,
    walk: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="K",
            help="A closed walk through K latents, .webp or .mp4; with --grid, many at once.",
        ),
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="The K training pictures nearest to each, to see copying."
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, max=LARGEST_SEED, help="Picture k of a seed is always the same."),
    ] = 0,
    truncation: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Bound of what latents hold: the lower, the safer and more alike; 0: none.",
        ),
    ] = 0.0,
    checkpoint: Annotated[
        str, typer.Option(metavar="newest|best|STEP", help="Which one of the run.")
    ] = "newest",
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="How real the discriminator finds each picture, from 0 to 1."
        ),
    ] = False,
    frames: Annotated[int, typer.Option(min=2, help="Of a walk.")] = 120,
    fps: Annotated[float, typer.Option(min=1, max=100, help="Frames a second.")] = 24.0,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder of pictures or neighbours, the file of a grid or walk. [default: "
            "RUN-samples, RUN-neighbours, RUN-grid.png, RUN-walk.webp]",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Make pictures with a generator that was trained on pictures alone.

    PNG files into a folder, or a grid, a walk or neighbours. The averaged generator makes them
    where the run kept one.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.core.storage import absolute
    from cinegan_jax.sampling.copies import learned_from, write_neighbours
    from cinegan_jax.sampling.images import (
        Place,
        parse_layout,
        write_grid,
        write_pictures,
        write_walk,
    )
    from cinegan_jax.sampling.latent_generator import open_generator

    _check_together(count=count, grid=grid, walk=walk, neighbours=neighbours, scores=scores)
    layout = parse_layout(grid) if grid else None
    place = Place(output, absolute(workdir).name, overwrite)
    keep_compilations_for_user()
    generator = open_generator(workdir, _checkpoint(checkpoint), seed, truncation)
    if walk:
        said = write_walk(generator, walk, frames, fps, place, layout)
    elif layout:
        said = write_grid(generator, layout, place, scores=scores)
    elif neighbours:
        data = learned_from(workdir)
        said = write_neighbours(generator, count or COUNT, neighbours, data, place, _watch)
    else:
        said = write_pictures(generator, count or COUNT, place, scores=scores)
    typer.echo(said)


def _check_together(**given: Any) -> None:
    """Raises UserError where one option leaves another without a meaning."""
    names = {name for name, value in given.items() if value}
    for one, other in EXCLUSIVE:
        if {one, other} <= names:
            raise UserError(f"--{one} and --{other} do not go together: leave one out")


def _checkpoint(text: str) -> "Which":
    words: dict[str, Which] = {"newest": "newest", "best": "best"}
    if text in words:
        return words[text]
    if not text.isdecimal():
        raise UserError(f"--checkpoint={text} is not newest, best or the number of a step")
    return int(text)


def _watch(batches: Iterable[Any], count: int) -> Iterable[Any]:
    """A bar on standard error."""
    from rich.console import Console
    from rich.progress import track

    return track(batches, "Comparing", count, console=Console(stderr=True))
