"""The command `cinegan convert`. Heavy imports wait until a command runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.formats import KernelPrecision

convert_app = typer.Typer(no_args_is_help=True)


@convert_app.callback()
def convert_command() -> None:
    """Convert weight files of other frameworks."""


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
        bool,
        typer.Option("--download", help="Download Keras' official file (80 MB) instead of FILE."),
    ] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept a FILE with another checksum.")
    ] = False,
) -> None:
    """Create the VGG19 weights file for the perceptual loss."""
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
        bool, typer.Option("--allow-unknown", help="Accept a FILE with another checksum.")
    ] = False,
) -> None:
    """Create the Inception weights file for FID and KID."""
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
        bool, typer.Option("--allow-unknown", help="Accept a FILE with another checksum.")
    ] = False,
) -> None:
    """Create the weights file for LPIPS: a backbone and the published heads."""
    from cinegan_jax.convert import lpips

    lpips.convert_lpips(file, output, net, allow_unknown=allow_unknown)
    typer.echo(f"{file} -> {output}")


@convert_app.command("cinegan")
def cinegan_command(
    file: Annotated[Path, typer.Argument(help="The published generator.keras.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The look file to write. [default: NAME.safetensors]"),
    ] = None,
    precision: Annotated[
        KernelPrecision, typer.Option(help="Data type of the stored kernels.")
    ] = "float32",
) -> None:
    """Create a look file from the generator of the TensorFlow CineGAN, for --weights."""
    from cinegan_jax.convert.cinegan import read_keras_generator
    from cinegan_jax.inference.export import export_look
    from cinegan_jax.inference.look import NetworkLook

    path = output or Path(f"{file.stem}.safetensors")
    generator, kernels = read_keras_generator(file)
    export_look(NetworkLook(path.stem, generator, kernels), path, "safetensors", precision)
    typer.echo(f"{file} -> {path}: width {generator.width}, {generator.num_blocks} blocks")
