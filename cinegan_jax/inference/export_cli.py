"""`cinegan export`: a look as a file for other programs. Heavy imports wait in the command."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cinegan_jax.core.cli_options import LookOption, WeightsOption
from cinegan_jax.inference.formats import ExportFormat, KernelPrecision


def export(
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="safetensors: kernels, for --weights; stablehlo: a program for JAX alone; "
            "onnx: for onnxruntime, on phones and in browsers.",
        ),
    ],
    look: LookOption = "classic_neg",
    weights: WeightsOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; the look takes its name. [default: NAME.FORMAT]",
        ),
    ] = None,
    precision: Annotated[
        KernelPrecision,
        typer.Option(help="The type that kernels are stored in; the network computes in float32."),
    ] = "float16",
) -> None:
    """Write a look as a file for other programs."""
    from cinegan_jax.inference.export import export_look
    from cinegan_jax.inference.look import choose_look

    chosen = choose_look(look, weights)
    path = output or Path(f"{chosen.name}.{form}")
    export_look(replace(chosen, name=path.stem), path, form, precision)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
