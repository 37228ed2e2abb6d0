"""`cinegan lut`: the colours of a look for photo and video programs."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from cinegan_jax.core.cli_options import LookOption, WeightsOption
from cinegan_jax.core.errors import UserError

LutFormat = Literal["cube", "hald"]

_LUT_SUFFIXES: dict[LutFormat, str] = {"cube": ".cube", "hald": ".png"}
_LUT_SIZES: dict[LutFormat, tuple[int, ...]] = {"cube": (33, 17, 65), "hald": (64,)}
"""Nodes per axis; the first is the default. A HaldCLUT of level 8 has 64."""


def lut(
    look: LookOption = "classic_neg",
    weights: WeightsOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. [default: LOOK.cube or LOOK.png]"),
    ] = None,
    form: Annotated[
        LutFormat | None,
        typer.Option(
            "--format",
            help="cube, or hald for a HaldCLUT PNG. [default: that of the output's suffix]",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Nodes per axis of a .cube: 17, 33 or 65. [default: 33]"),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of photos to fit to. [default: the embedded photos]"),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Strength of the look: 0 (unchanged) to 1.5; 1 is the full look.")
    ] = 1.0,
) -> None:
    """Write the colours of a look as a LUT for photo and video programs.

    Prints the difference between the LUT and the look: grain, glow and local changes cannot be
    part of a LUT.
    """
    form = _lut_format(form, output)
    size = _lut_size(form, size)
    from cinegan_jax.darkroom.lut import fit_look_lut
    from cinegan_jax.film.lut_files import write_lut
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look

    Settings(strength=strength).check()
    chosen = choose_look(look, weights)
    path = output or Path(f"{chosen.name}{_LUT_SUFFIXES[form]}")
    _check_output(path)
    with Console(stderr=True).status(f"Fitting a LUT to {chosen.name}"):
        fitted = fit_look_lut(chosen, size, photos, strength)
    comments = [
        f"The colours of the look {chosen.name} at strength {strength:g}, by cinegan-jax.",
        f"Mean delta E 2000 from the look: {fitted.error}.",
    ]
    write_lut(path, fitted.lut, comments)
    how = f"fitted to {fitted.fitted} photos" if fitted.fitted else "resampled"
    typer.echo(f"{path}: {chosen.name}, {size} nodes per axis, {how}.")
    typer.echo(
        f"Mean delta E 2000 from the look on {fitted.held_out} other photos: LUT {fitted.error}, "
        f"unchanged photos {fitted.unchanged}."
    )


def _lut_format(form: LutFormat | None, output: Path | None) -> LutFormat:
    if output is None:
        return form or "cube"
    named = {suffix: name for name, suffix in _LUT_SUFFIXES.items()}.get(output.suffix.lower())
    if named is None or form not in (None, named):
        wanted = (
            f"the suffix {_LUT_SUFFIXES[form]}"
            if form
            else "the suffix .cube, or .png for a HaldCLUT"
        )
        raise UserError(f"--output {output}: the file needs {wanted}")
    return named


def _lut_size(form: LutFormat, size: int | None) -> int:
    sizes = _LUT_SIZES[form]
    if size is not None and size not in sizes:
        known = ", ".join(map(str, sorted(sizes)))
        raise UserError(f"--size {size}: nodes per axis for --format {form} are {known}")
    return size or sizes[0]


def _check_output(path: Path) -> None:
    """Check that a file can be written, before the slow fit."""
    if not path.parent.is_dir() or path.is_dir():
        raise UserError(
            f"--output {path}: " + ("is a folder" if path.is_dir() else "no such folder")
        )
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"--output {path}: the folder {path.parent} cannot be written")
