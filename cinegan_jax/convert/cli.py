"""`cinegan convert`: weights from other frameworks' files. Heavy imports wait in the commands."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.formats import KernelPrecision

convert_app = typer.Typer(no_args_is_help=True)


@convert_app.callback()
def convert() -> None:
    """Convert weights from other frameworks' files."""


@convert_app.command("vgg19")
def vgg19_command(
    file: Annotated[
        Path | None,
        typer.Argument(help="Keras' vgg19_weights_*.h5 or torchvision's vgg19-dcbb9e9d.pth."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The safetensors file to write.")
    ] = Path("vgg19.safetensors"),
    download: Annotated[
        bool, typer.Option("--download", help="Fetch Keras' official file (80 MB) instead of FILE.")
    ] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Take a FILE with another checksum.")
    ] = False,
) -> None:
    """Make the VGG19 weights file that the perceptual loss reads."""
    from cinegan_jax.convert import vgg19

    if (file is None) != download:
        raise UserError("Name one source: either FILE or --download.")
    source = vgg19.download_keras() if file is None else file
    vgg19.convert_vgg19(source, output, allow_unknown=allow_unknown)
    typer.echo(f"{source} -> {output}")


@convert_app.command("inception")
def inception_command(
    file: Annotated[Path, typer.Argument(help="pytorch-fid's pt_inception-2015-12-05-*.pth.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The safetensors file to write.")
    ] = Path("inception.safetensors"),
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Take a FILE with another checksum.")
    ] = False,
) -> None:
    """Make the Inception weights file that FID and KID read."""
    from cinegan_jax.convert import inception

    inception.convert_inception(file, output, allow_unknown=allow_unknown)
    typer.echo(f"{file} -> {output}")


@convert_app.command("lpips")
def lpips_command(
    file: Annotated[
        Path,
        typer.Argument(help="torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth."),
    ],
    output: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
    net: Annotated[Literal["alex", "vgg"], typer.Option(help="The backbone that FILE holds.")],
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Take a FILE with another checksum.")
    ] = False,
) -> None:
    """Make the weights file that LPIPS reads: a backbone, and the published heads."""
    from cinegan_jax.convert import lpips

    lpips.convert_lpips(file, output, net, allow_unknown=allow_unknown)
    typer.echo(f"{file} -> {output}")


@convert_app.command("cinegan")
def convert_cinegan(
    file: Annotated[Path, typer.Argument(help="The published generator.keras.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The look file to write. [default: NAME.safetensors]"),
    ] = None,
    precision: Annotated[
        KernelPrecision, typer.Option(help="What kernels are stored in.")
    ] = "float32",
) -> None:
    """Make a look file of the TensorFlow CineGAN's generator, for --weights."""
    from cinegan_jax.convert.cinegan import read_keras_generator
    from cinegan_jax.inference.export import export_look
    from cinegan_jax.inference.look import Look

    path = output or Path(f"{file.stem}.safetensors")
    generator, kernels = read_keras_generator(file)
    export_look(Look(path.stem, generator, kernels), path, "safetensors", precision)
    typer.echo(f"{file} -> {path}: width {generator.width}, {generator.num_blocks} blocks")
