"""`cinegan apply`, `cinegan looks` and `cinegan lut`. Slow imports are deferred to the commands."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cinegan_jax.core.cli_options import LookOption, WeightsOption
from cinegan_jax.core.errors import UserError

LutFormat = Literal["cube", "hald"]

_LUT_SUFFIXES: dict[LutFormat, str] = {"cube": ".cube", "hald": ".png"}
_LUT_SIZES: dict[LutFormat, tuple[int, ...]] = {"cube": (33, 17, 65), "hald": (64,)}
"""Nodes per axis; the first is the default. A HaldCLUT of level 8 has 64."""


class ApplyCommand(typer.core.TyperCommand):
    """The command `apply`, whose option --grain may stand alone."""

    def make_parser(self, ctx: Any) -> Any:
        """Return a parser that gives a --grain without an amount the amount 1."""
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args
        parser.parse_args = lambda args: parse(list(_with_amounts(args)))
        return parser


def _with_amounts(args: list[str]) -> Iterator[str]:
    for index, argument in enumerate(args):
        yield argument
        if argument == "--grain" and not _is_number("".join(args[index + 1 : index + 2])):
            yield "1"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def apply(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="FILES|FOLDERS...", help="Photos, and folders of photos."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER|FILE",
            help="Folder of the results, or the file if there is one photo. "
            "[default: beside each photo]",
        ),
    ] = None,
    look: LookOption = "classic_neg",
    weights: WeightsOption = None,
    strength: Annotated[
        float, typer.Option(help="Strength of the look: 0 (unchanged) to 1.5; 1 is the full look.")
    ] = 1.0,
    grain: Annotated[
        float,
        typer.Option(
            metavar="[AMOUNT]",
            help="Film grain, 0 (none) to 4; 1 is the film's own, and so is --grain alone.",
        ),
    ] = 0.0,
    grain_size: Annotated[
        float, typer.Option(help="Size of the grain, 0.25 to 4; 1 is the film's own.")
    ] = 1.0,
    halation: Annotated[
        float | None,
        typer.Option(help="Red glow around highlights, 0 (none) to 4. [default: the look's own]"),
    ] = None,
    bloom: Annotated[
        float | None,
        typer.Option(
            help="Glow of all light, as of a diffusion filter, 0 (none) to 4. "
            "[default: the look's own]"
        ),
    ] = None,
    colour_filter: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="COLOUR",
            help="Filter in front of the lens, for black-and-white looks: yellow, orange, red, "
            "green or blue. It darkens the colours opposite to it and keeps greys.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="transfer: develop a reduced copy and transfer the change to full size; tiles: "
            "run the network on every pixel, tile by tile; whole: the same at once, for photos "
            "that fit into memory."
        ),
    ] = "transfer",
    exposure: Annotated[
        float,
        typer.Option(metavar="EV", help="Exposure before the look, -5 to 5 EV; 1 doubles light."),
    ] = 0.0,
    white_balance: Annotated[
        str,
        typer.Option(
            help="White balance before the look: camera (as the file has it), daylight (RAW), "
            "auto, or the colour temperature of the light in kelvin, such as 5500."
        ),
    ] = "camera",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="jpeg, png, webp, tiff, bmp, avif or heic. "
            "[default: that of the photo; jpeg for RAW]",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(help="1 to 100, for lossy formats. [default: that of the photo]"),
    ] = None,
    suffix: Annotated[
        str | None, typer.Option(help="Text added to the names of results. [default: _LOOK]")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Enter subfolders.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite/--skip-existing", help="Replace or keep existing results."),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Maximum number of photos in progress.")
    ] = 2,
) -> None:
    """Apply a look to photos, at their own size and with their metadata.

    May be stopped at any time: the same command then continues, as it skips photos whose result
    exists. A photo may have up to 250 megapixels. Exit code: 0 if no photo failed, 1 if any photo
    failed, 2 if nothing could be started, 130 if stopped.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.darkroom.apply import apply_look
    from cinegan_jax.darkroom.batch import BatchOptions
    from cinegan_jax.darkroom.destination import choose_destination, choose_format
    from cinegan_jax.inference.colour_filter import check_filter
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look
    from cinegan_jax.photos.encode import EncodeOptions
    from cinegan_jax.photos.light import Light

    _escape_unprintable_output()
    settings = Settings(
        method,
        strength,
        grain,
        grain_size=grain_size,
        halation=halation,
        bloom=bloom,
        colour_filter=colour_filter,
    )
    settings.check()
    light = Light(exposure, white_balance)
    light.check()
    keep_compilations_for_user()
    chosen = choose_look(look, weights)
    check_filter(colour_filter, chosen)
    suffix = f"_{chosen.name}" if suffix is None else suffix
    destination = choose_destination(output, photos, suffix)
    encoding = EncodeOptions(choose_format(destination, form), quality)
    encoding.check()
    options = BatchOptions(chosen, settings, encoding, destination, overwrite, light)
    raise typer.Exit(apply_look(photos, options, recursive=recursive, jobs=jobs))


def _escape_unprintable_output() -> None:
    """Make names printable whatever the encoding of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def looks(
    name: Annotated[
        str | None, typer.Argument(help="A look whose model card to show instead of the list.")
    ] = None,
) -> None:
    """List the installed looks, or show the model card of one."""
    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import read_card

    if name is None:
        _print_table()
        return
    if name not in installed_looks():
        raise UserError(f"look {name!r} is not one of {', '.join(installed_looks())}")
    typer.echo(read_card(name).text or f"{name} has no card.")


def _print_table() -> None:
    """Print one row per look: description, scores on held-out photos, file size."""
    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import SCORES, file_size, read_card

    table = Table("look", "description", *SCORES, "size")
    for look in installed_looks():
        card = read_card(look)
        scores = dict(card.scores)
        cells = (scores.get(score, "-") for score in SCORES)
        table.add_row(look, card.description or "-", *cells, f"{file_size(look) / 1e6:.1f} MB")
    Console(soft_wrap=True).print(table)


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
