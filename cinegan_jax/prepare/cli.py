"""The command `cinegan prepare`. Heavy imports wait until the command runs."""

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
            "with --images, of any images; or 'samples'.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to create.")],
    images: Annotated[
        bool,
        typer.Option("--images", help="Prepare the images as they are, without a look or pairs."),
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", hidden=True, help="The former name of --images.")
    ] = False,
    look: Annotated[
        str,
        typer.Option(
            help="For photos: classic_neg, cinema, velvia, a .cube file or a HaldCLUT .png. "
            "For pairs: the folder of the target images, 'target' by default."
        ),
    ] = "",
    size: Annotated[
        int, typer.Option(help="Pixels of the short side (crop) or of both sides (the others).")
    ] = 512,
    resize: Annotated[
        str,
        typer.Option(
            help="crop: the whole photo, cropped in training; centre: the square in its middle; "
            "squash: to a square, ignoring the aspect ratio; pad: mirrored into a square."
        ),
    ] = "crop",
    test_fraction: Annotated[
        float, typer.Option(help="Share held out, if SRC does not define the splits.")
    ] = 0.1,
    variants: Annotated[
        int,
        typer.Option(
            help="For photos: versions of each training photo, the first unchanged, the others "
            "with random exposure, white balance and saturation."
        ),
    ] = 1,
    grain: Annotated[bool, typer.Option(help="For photos: add grain to the target images.")] = True,
    halation: Annotated[
        float,
        typer.Option(
            help="For photos: strength of the glow around highlights, as a factor of the look's; "
            "0: none, so that the look is a LUT and grain."
        ),
    ] = 1.0,
    check_alignment: Annotated[
        bool,
        typer.Option(
            help="For pairs: leave out those whose images show different scenes or are shifted."
        ),
    ] = True,
    targets: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="For pairs: the target images, where SRC has inputs."),
    ] = "",
    input_name: Annotated[
        str,
        typer.Option(help="For pairs: file name of an input without ending, such as {}_before."),
    ] = "{}",
    target_name: Annotated[
        str,
        typer.Option(help="For pairs: file name of a target without ending, such as {}_after."),
    ] = "{}",
    side_by_side: Annotated[
        str,
        typer.Option(
            metavar="ab|ba",
            help="Each image holds both sides of a pair; ab: the input is left.",
        ),
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = os.cpu_count() or 1,
) -> None:
    """Convert photos, your own before/after pairs, or any images into training shards.

    The command can be stopped at any moment; the same command continues where it stopped.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from cinegan_jax.prepare.prepare import REJECTED, prepare_shards
    from cinegan_jax.prepare.settings import PrepareSettings

    settings = PrepareSettings(
        look=look,
        size=size,
        resize=resize,
        test_fraction=test_fraction,
        variants=variants,
        grain=grain,
        halation=halation,
        images=images or pictures,
        check_alignment=check_alignment,
        targets=targets,
        input_name=input_name,
        target_name=target_name,
        side_by_side=side_by_side,
    )
    columns = (TextColumn("Preparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            made, rejected = prepare_shards(source, out, settings, jobs, show)
        except KeyboardInterrupt:
            typer.echo("Stopped. The same command continues from here.", err=True)
            raise typer.Exit(130) from None
    counts = f"{made.count('train')} training and {made.count('test')} test"
    typer.echo(f"{out}: {counts} {made.kind}.")
    if rejected:
        typer.echo(f"{len(rejected)} files were left out; see {out / REJECTED} for the reasons.")
