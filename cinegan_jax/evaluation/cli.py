"""Commands `cinegan evaluate` and `cinegan compare`; heavy imports wait inside them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cinegan_jax.core.cli_options import JsonOption


def evaluate_command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A workdir, a look (installed, or a .safetensors file), or a folder of results "
            "that are named as the test pairs.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Pairs or images: a folder as for training, or 'samples'. A workdir has its own."
        ),
    ] = None,
    look: Annotated[str | None, typer.Option(help="The look of the pairs.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder to write into. [default: the workdir, else TARGET-evaluation]",
        ),
    ] = None,
    protocol: Annotated[
        Literal["filmnet", "native", "all"],
        typer.Option(help="filmnet: squashed to 512x512; native: size as stored."),
    ] = "all",
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Score this number of pairs or images, from all over the split."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="Leave out, as random_features; may be repeated."),
    ] = None,
    lpips: Annotated[
        Path | None, typer.Option(help="Score LPIPS too, with a file of `cinegan convert lpips`.")
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="Score FID and KID too, with a file of `cinegan convert inception`."),
    ] = None,
) -> None:
    """Score a run, a look or a folder of results on held-out data.

    Images are scored beside the photos themselves, a fitted LUT and an oracle. The command writes
    evaluation.json, .md and .html, before_after.png and worst.jpg. A run that generates images from
    latents is scored as whole sets, beside training images.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.evaluation.evaluate import evaluate, output_folder, result_files
    from cinegan_jax.evaluation.tables import print_result

    keep_compilations_for_user()
    evaluation = evaluate(
        target,
        data=data,
        look=look,
        output=output,
        protocol=protocol,
        limit=limit,
        without=without or (),
        lpips=lpips,
        inception=inception,
    )
    print_result(evaluation)
    typer.echo(f"{output_folder(target, output)}: {', '.join(result_files(evaluation))}")


def compare_command(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Workdirs, other folders with an evaluation.json, or such files.",
        ),
    ],
    metric: Annotated[str | None, typer.Option(help="Compare by this metric alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare evaluated runs photo by photo, and say which is better.

    Each run is compared with the first; up to four are all compared with each other. Of a single
    run, the generator is compared with the fitted LUT.
    """
    from rich.console import Console

    from cinegan_jax.evaluation.compare import compare_runs, read_contenders
    from cinegan_jax.evaluation.compare_report import (
        comparison_json,
        comparison_notes,
        comparison_tables,
        conclusions,
    )

    comparison = compare_runs(read_contenders(runs), metric)
    if as_json:
        typer.echo(comparison_json(comparison))
        return
    console = Console(soft_wrap=True, highlight=False)
    tables, notes = comparison_tables(comparison), comparison_notes(comparison)
    for part in (*tables, *notes, *conclusions(comparison)):
        console.print(part)
