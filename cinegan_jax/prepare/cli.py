"""`cinegan prepare`. Heavy imports wait in the command."""

import os
from pathlib import Path
from typing import Annotated

import typer


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="A folder of photos; or of pairs, {train,test}/{input,LOOK} or {input,target}; "
            "with --pictures, of any pictures; or 'samples'.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="Keep the pictures as they are, without a look or pairs."),
    ] = False,
    look: Annotated[
        str,
        typer.Option(
            help="For photos: classic_neg, cinema, velvia, a .cube file or a HaldCLUT .png. "
            "For pairs: the folder of the after pictures, 'target' when not given."
        ),
    ] = "",
    size: Annotated[
        int, typer.Option(help="Pixels of the short side (crop) or of both sides (the others).")
    ] = 512,
    resize: Annotated[
        str,
        typer.Option(
            help="crop: the whole photo, cropped in training; centre: the square in its middle; "
            "squash: the aspect is lost; pad: mirrored into a square."
        ),
    ] = "crop",
    test_fraction: Annotated[
        float, typer.Option(help="Share held out, where SRC does not say which photos are.")
    ] = 0.1,
    variants: Annotated[
        int,
        typer.Option(
            help="For photos: how often each one to train on occurs, once as it is, then with "
            "random exposure, white balance and saturation."
        ),
    ] = 1,
    grain: Annotated[
        bool, typer.Option(help="For photos: whether the rendered pictures have grain.")
    ] = True,
    halation: Annotated[
        float,
        typer.Option(
            help="For photos: the glow round highlights, times the look's; 0: none, so that the "
            "look is a LUT and grain."
        ),
    ] = 1.0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Turn photos, your own before/after pairs, or any pictures into training shards.

    May be stopped at any moment; the same command goes on where it was.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from cinegan_jax.prepare.prepare import REJECTED, Settings
    from cinegan_jax.prepare.prepare import prepare as run

    settings = Settings(look, size, resize, test_fraction, variants, grain, halation, pictures)
    columns = (TextColumn("Preparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            made, rejected = run(source, out, settings, jobs, show)
        except KeyboardInterrupt:
            typer.echo("Stopped. The same command goes on from here.", err=True)
            raise typer.Exit(130) from None
    counts = f"{made.count('train')} training and {made.count('test')} test"
    typer.echo(f"{out}: {counts} {made.kind}.")
    if rejected:
        typer.echo(f"{len(rejected)} files were left out; {out / REJECTED} says why.")
