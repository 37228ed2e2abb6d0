"""`cinegan apply`. Slow imports are deferred to the command."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from cinegan_jax.core.cli_options import WeightsOption
from cinegan_jax.darkroom.apply_command import gives_way, naming_preset, save_options, use_preset


def apply(
    ctx: typer.Context,
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES|FOLDERS...", help="Photos, and folders of photos; - is standard input."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER|FILE|-",
            help="Folder of the results, or the file if there is one photo; - is standard output. "
            "[default: beside each photo]",
        ),
    ] = None,
    look: Annotated[
        list[str],
        typer.Option(
            metavar="NAME|FILE|WORKDIR",
            help="A look that `cinegan looks` lists, a look file, a LUT (.cube, or HaldCLUT .png), "
            "or the workdir of a training run; may be repeated.",
        ),
    ] = ["classic_neg"],  # noqa: B006 - Typer copies it
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
            help="One of the formats below. [default: that of the photo; jpeg for RAW]",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(help="1 to 100, for lossy formats. [default: that of the photo]"),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Long side (2048), box (1920x1080) or share (50%) of the results. "
            "[default: the photo's size]",
        ),
    ] = None,
    enlarge: Annotated[
        bool, typer.Option("--enlarge", help="Let --resize enlarge smaller photos too.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Names of results, of the fields {stem}, {look}, {strength} and {folder}. "
            "[default: {stem}_{look}]",
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(help="Text added to the names of results, in place of --name."),
    ] = None,
    preset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            is_eager=True,
            callback=use_preset,
            help="Take options from a file of --save-preset or from a developed photo. Options "
            "that you give win.",
        ),
    ] = None,
    save_preset: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the options of this run as a preset.")
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
    """Apply one look or several to photos, at their own size and with their metadata.

    May be stopped at any time: the same command then continues, as it skips photos whose result
    exists. A photo may have up to 250 megapixels. Exit code: 0 if no photo failed, 1 if any photo
    failed, 2 if nothing could be started, 130 if stopped.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.darkroom.apply import apply_looks
    from cinegan_jax.darkroom.batch import BatchOptions
    from cinegan_jax.darkroom.destination import choose_destination, choose_format
    from cinegan_jax.darkroom.names import choose_template
    from cinegan_jax.darkroom.streams import streamed_files
    from cinegan_jax.inference.colour_filter import check_filter
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look
    from cinegan_jax.photos.encode import EncodeOptions
    from cinegan_jax.photos.light import Light
    from cinegan_jax.photos.resizing import parse_resize

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
    size = parse_resize(resize, enlarge) if resize else None
    template = choose_template(
        None if gives_way(ctx, "name", "suffix") else name,
        None if gives_way(ctx, "suffix", "name") else suffix,
        strength,
    )
    keep_compilations_for_user()
    if weights is None or gives_way(ctx, "weights", "look"):
        with naming_preset(ctx, preset):
            chosen = tuple(choose_look(each) for each in look)
    else:
        chosen = (choose_look(weights=weights),)
    for each in chosen:
        check_filter(colour_filter, each)
    with streamed_files(photos, output) as files:
        names = [each.name for each in chosen]
        destination = choose_destination(files.output, files.photos, template, names)
        encoding = EncodeOptions(choose_format(destination, form), quality)
        encoding.check()
        if save_preset:
            save_options(ctx, save_preset)
        options = BatchOptions(chosen, settings, encoding, destination, overwrite, light, size)
        code = apply_looks(
            files.photos,
            options,
            recursive=recursive,
            jobs=jobs,
            summary_on_error=files.prints_photo,
        )
    raise typer.Exit(code)


def _escape_unprintable_output() -> None:
    """Make names printable whatever the encoding of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
