"""`cinegan apply`, `cinegan looks` and `cinegan lut`. Heavy imports wait in the commands."""

import io
import os
import sys
from pathlib import Path, PurePath
from typing import Annotated, Literal

import typer
from rich.console import Console

from cinegan_jax.core.errors import UserError


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
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.darkroom.apply import apply_look
    from cinegan_jax.darkroom.batch import Recipe
    from cinegan_jax.darkroom.destination import choose_destination, choose_format
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look
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


def looks(
    name: Annotated[
        str | None, typer.Argument(help="One of them, to read how it was made.")
    ] = None,
) -> None:
    """List the looks that are installed, or show one's card."""
    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import read_card

    if name is None:
        _print_table()
        return
    if name not in installed_looks():
        raise UserError(f"look {name!r} is not one of {', '.join(installed_looks())}")
    typer.echo(read_card(name).text or f"{name} has no card.")


def _print_table() -> None:
    """A row a look: what it is, its scores on held-out photos, its file."""
    from rich.console import Console
    from rich.table import Table

    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import SCORES, file_size, read_card

    table = Table("look", "what it is", *SCORES, "size")
    for look in installed_looks():
        card = read_card(look)
        scores = dict(card.scores)
        cells = (scores.get(score, "-") for score in SCORES)
        table.add_row(look, card.description or "-", *cells, f"{file_size(look) / 1e6:.1f} MB")
    Console(soft_wrap=True).print(table)


Format = Literal["cube", "hald"]

SUFFIXES: dict[Format, str] = {"cube": ".cube", "hald": ".png"}
SIZES: dict[Format, tuple[int, ...]] = {"cube": (33, 17, 65), "hald": (64,)}
"""Nodes an axis; the first is the default. A HaldCLUT of level 8 has 64."""


def lut(
    look: Annotated[str, typer.Option(help="A look that `cinegan looks` lists.")] = "classic_neg",
    weights: Annotated[
        str | None,
        typer.Option(help="Instead: a look file, or the workdir of a training run."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write. [default: LOOK.cube or LOOK.png]"),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="cube, or hald (a HaldCLUT PNG). [default: as the file is named]"
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Nodes an axis of a .cube: 17, 33 or 65. [default: 33]"),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="A folder of photos to fit to. [default: the embedded ones]"),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="0 to 1.5: how much of the look; 1 is all of it.")
    ] = 1.0,
) -> None:
    """Write the colours of a look as a LUT, for other programs and for video.

    Says how far the LUT is from the look: grain, glow and local changes do not fit into one.
    """
    form = _format(form, output)
    size = _size(form, size)
    from cinegan_jax.darkroom.lut import make_table
    from cinegan_jax.film.lut_files import write_lut
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look

    Settings(strength=strength).check()
    chosen = choose_look(look, weights)
    path = output or Path(f"{PurePath(chosen.name).name}{SUFFIXES[form]}")
    _check_writable(path)
    with Console(stderr=True).status(f"Fitting a LUT to {chosen.name}"):
        table = make_table(chosen, size, photos, strength)
    comments = [
        f"The colours of the look {chosen.name} at strength {strength:g}, by cinegan-jax.",
        f"Mean delta E 2000 from the look: {table.miss}.",
    ]
    write_lut(path, table.lut, comments)
    typer.echo(f"{path}: {chosen.name}, {size} nodes an axis, fitted to {table.fitted} photos.")
    typer.echo(
        f"On {table.held_out} other photos it misses the look by a mean delta E 2000 of "
        f"{table.miss}; the untouched photos by {table.untouched}."
    )


def _format(form: Format | None, output: Path | None) -> Format:
    if output is None:
        return form or "cube"
    named = {suffix: name for name, suffix in SUFFIXES.items()}.get(output.suffix.lower())
    if named is None or form not in (None, named):
        wanted = (
            f"the suffix {SUFFIXES[form]}" if form else "the suffix .cube, or .png for a HaldCLUT"
        )
        raise UserError(f"--output {output}: the file needs {wanted}")
    return named


def _size(form: Format, size: int | None) -> int:
    sizes = SIZES[form]
    if size is not None and size not in sizes:
        known = ", ".join(map(str, sorted(sizes)))
        raise UserError(f"--size {size}: nodes an axis for --format {form} are {known}")
    return size or sizes[0]


def _check_writable(path: Path) -> None:
    """Before the fit rather than after it."""
    if not path.parent.is_dir() or path.is_dir():
        raise UserError(
            f"--output {path}: " + ("is a folder" if path.is_dir() else "no such folder")
        )
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"--output {path}: the folder {path.parent} cannot be written")
