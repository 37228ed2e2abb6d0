"""The `cinegan` command. Heavy imports wait inside the subcommands."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cinegan_jax.convert.cli import convert_app
from cinegan_jax.darkroom.apply_cli import apply
from cinegan_jax.darkroom.looks_cli import looks
from cinegan_jax.darkroom.lut_cli import lut
from cinegan_jax.errors import UserError
from cinegan_jax.inference.export_cli import export
from cinegan_jax.inference.formats import Precision
from cinegan_jax.preflight.cli import PASS_CONFIG_KEYS_ON, preflight
from cinegan_jax.web.cli import serve


class _Commands(typer.core.TyperGroup):
    """Prints a UserError as its text alone and exits with code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"cinegan: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(convert_app, name="convert")
app.command()(apply)
app.command()(looks)
app.command(context_settings=PASS_CONFIG_KEYS_ON)(preflight)
app.command()(serve)
app.command()(export)
app.command()(lut)


@app.callback()
def _cinegan() -> None:
    """Learn a film look from pairs of photographs."""


@app.command()
def prepare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="A folder of photos; or of pairs, {train,test}/{input,LOOK} or {input,target}; "
            "or 'samples'.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    look: Annotated[
        str,
        typer.Option(
            help="For photos: classic_neg, cinema, velvia, a .cube file or a HaldCLUT .png. "
            "For pairs: the folder of the after pictures, 'target' when not given."
        ),
    ] = "",
    size: Annotated[
        int, typer.Option(help="Pixels of the short side (crop) or of both sides (squash, pad).")
    ] = 512,
    resize: Annotated[
        str,
        typer.Option(
            help="crop: the whole photo, cropped in training; squash: the aspect is lost; "
            "pad: mirrored into a square."
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
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Turn photos, or your own before/after pairs, into training shards.

    May be stopped at any moment; the same command goes on where it was.
    """
    from cinegan_jax.data.prepare import REJECTED, Settings
    from cinegan_jax.data.prepare import prepare as run

    settings = Settings(look, size, resize, test_fraction, variants, grain)
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
    typer.echo(f"{out}: {made.count('train')} training and {made.count('test')} test pairs.")
    if rejected:
        typer.echo(f"{len(rejected)} files were left out; {out / REJECTED} says why.")


@convert_app.command("cinegan")
def convert_cinegan(
    file: Annotated[Path, typer.Argument(help="The published generator.keras.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The look file to write. [default: NAME.safetensors]"),
    ] = None,
    precision: Annotated[Precision, typer.Option(help="What kernels are stored in.")] = "float32",
) -> None:
    """Make a look file of the TensorFlow CineGAN's generator, for --weights."""
    from cinegan_jax.convert.cinegan import read_keras_generator
    from cinegan_jax.inference.export import export_look
    from cinegan_jax.inference.trained_look import TrainedLook

    path = output or Path(f"{file.stem}.safetensors")
    generator, kernels = read_keras_generator(file)
    export_look(TrainedLook(path.stem, generator, kernels), path, "safetensors", precision)
    typer.echo(f"{file} -> {path}: width {generator.width}, {generator.num_blocks} blocks")


if __name__ == "__main__":
    app()
