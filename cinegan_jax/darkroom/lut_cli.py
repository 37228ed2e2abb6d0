"""`cinegan lut`. Heavy imports wait in the command."""

import os
from pathlib import Path, PurePath
from typing import Annotated, Literal

import typer
from rich.console import Console

from cinegan_jax.errors import UserError

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
    from cinegan_jax.data.lut_files import write_lut
    from cinegan_jax.inference.choose_look import choose_look
    from cinegan_jax.inference.develop import Settings

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
