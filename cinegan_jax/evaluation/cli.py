"""`cinegan evaluate` and `cinegan compare`. Heavy imports wait in the commands."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import typer

ProtocolChoice = Literal["filmnet", "native", "all"]


def evaluate(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A workdir, a look (installed, or a .safetensors file), or a folder of results "
            "named as the test pairs.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="The pairs: a folder as for training, or 'samples'. Runs name theirs."),
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
        ProtocolChoice,
        typer.Option(help="filmnet: squashed to 512x512; native: as the photos are."),
    ] = "all",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score so many pairs, from all over the split.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="Leave out, as random_features; may be repeated."),
    ] = None,
    lpips: Annotated[
        Path | None, typer.Option(help="Score LPIPS too, by a file of `cinegan convert lpips`.")
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="Score FID, KID too, by a file of `cinegan convert inception`."),
    ] = None,
) -> None:
    """Score pictures on held-out pairs, beside the photos, a fitted LUT and an oracle.

    Writes evaluation.json, .md and .html, before_after.png and worst.jpg.
    """
    from cinegan_jax.compilation_cache import keep_compilations_for_user
    from cinegan_jax.evaluation.evaluate import evaluate as score
    from cinegan_jax.evaluation.outputs import default_folder, print_result, write_outputs
    from cinegan_jax.evaluation.scope import make_scope
    from cinegan_jax.evaluation.sets import open_sets
    from cinegan_jax.evaluation.target import open_target
    from cinegan_jax.storage import make_folder, open_path

    keep_compilations_for_user()
    scope = make_scope(protocol, limit, without or (), lpips)
    opened = open_target(target, data, look)
    sets = open_sets(inception, scope.protocols, opened.methods) if inception else None
    folder = open_path(output) if output else default_folder(target)
    make_folder(folder)
    weights = {name: str(file) for name, file in (("lpips", lpips), ("fid", inception)) if file}
    about = dataclasses.replace(opened.about, weights=weights)
    result = score(opened.test_pairs, opened.methods, about, scope, sets)
    written = write_outputs(result, opened, folder)
    print_result(result)
    typer.echo(f"{folder}: {', '.join(written)}")


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Workdirs, or other folders with an evaluation.json, or the file.",
        ),
    ],
    metric: Annotated[str | None, typer.Option(help="This one alone, such as psnr.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Say which of several evaluated runs is better, photo by photo.

    Each is compared with the first, and up to four all with all. Of one run alone, the generator is
    compared with the fitted LUT.
    """
    from rich.console import Console

    from cinegan_jax.evaluation.compare import compare as find_differences
    from cinegan_jax.evaluation.compare import read_contenders
    from cinegan_jax.evaluation.compare_report import notes, to_json, to_tables, verdicts

    comparison = find_differences(read_contenders(runs), metric)
    if as_json:
        typer.echo(to_json(comparison))
        return
    console = Console(soft_wrap=True, highlight=False)
    for part in (*to_tables(comparison), *notes(comparison), *verdicts(comparison)):
        console.print(part)
