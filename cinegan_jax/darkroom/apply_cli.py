"""`cinegan apply`. Heavy imports wait in the command."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer


def apply(
    photos: Annotated[
        list[Path], typer.Argument(metavar="FILES|FOLDERS...", help="Photos, and folders of them.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER|FILE",
            help="Where results go; a file, if there is one photo. By default beside each photo.",
        ),
    ] = None,
    look: Annotated[str, typer.Option(help="A look that `cinegan looks` lists.")] = "classic_neg",
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|WORKDIR", help="Instead: a look file, or the workdir of a training run."
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="0: the photo as it is; 1: the look; up to 1.5.")
    ] = 1.0,
    grain: Annotated[bool, typer.Option("--grain/--no-grain", help="The film's.")] = False,
    method: Annotated[
        str,
        typer.Option(
            help="transfer: the look of a reduced copy, carried to full size; tiles: the network "
            "on every pixel; whole: the same at once, for photos that fit into memory."
        ),
    ] = "transfer",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="jpeg, png, webp, tiff, bmp, avif, heic. By default as the photo, RAW as jpeg.",
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="1 to 100, for lossy formats. By default as the photo.")
    ] = None,
    suffix: Annotated[
        str | None, typer.Option(help="Added to the results' names. By default _ and the look.")
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Enter the folders in folders.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite/--skip-existing", help="What to do where a result exists."),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Photos under way at a time.")
    ] = 2,
) -> None:
    """Give photos the look, at their own size, with all that belongs to them.

    May be stopped at any moment: the same command goes on where it was, as photos whose result
    exists are skipped. A photo may have 250 megapixels. Exit code: 0 if no photo failed, 1 if any
    did, 2 if nothing could be begun, 130 if stopped.
    """
    from cinegan_jax.compilation_cache import keep_compilations_for_user
    from cinegan_jax.darkroom.apply import apply_look
    from cinegan_jax.darkroom.batch import Recipe
    from cinegan_jax.darkroom.destination import choose_destination, choose_format
    from cinegan_jax.inference.choose_look import choose_look
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.photos.encode import EncodeOptions

    _escape_what_cannot_be_printed()
    settings = Settings(method, strength, float(grain))
    settings.check()
    keep_compilations_for_user()
    chosen = choose_look(look, weights)
    suffix = f"_{chosen.name}" if suffix is None else suffix
    destination = choose_destination(output, photos, suffix)
    options = EncodeOptions(choose_format(destination, form), quality)
    options.check()
    recipe = Recipe(chosen, settings, options, destination, overwrite)
    raise typer.Exit(apply_look(photos, recipe, recursive=recursive, jobs=jobs))


def _escape_what_cannot_be_printed() -> None:
    """Lets names be printed whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
