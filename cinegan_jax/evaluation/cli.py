"""`cinegan evaluate` and `cinegan compare`. Heavy imports wait in the commands."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cinegan_jax.core.errors import UserError

if TYPE_CHECKING:
    from etils import epath

    from cinegan_jax.evaluation.picture_target import PictureTarget
    from cinegan_jax.evaluation.result import Evaluation
    from cinegan_jax.evaluation.scope import Scope
    from cinegan_jax.evaluation.target import Target

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
        typer.Option(
            help="Pairs or pictures: a folder as for training, or 'samples'. Runs name theirs."
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
        ProtocolChoice,
        typer.Option(help="filmnet: squashed to 512x512; native: as the photos are."),
    ] = "all",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score so many, from all over the split.")
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

    Writes evaluation.json, .md and .html, before_after.png and worst.jpg. The pictures that a run
    makes of latents are scored as whole sets, beside training pictures.
    """
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.core.storage import make_folder, open_path
    from cinegan_jax.evaluation.outputs import default_folder, print_result
    from cinegan_jax.evaluation.picture_target import PictureTarget
    from cinegan_jax.evaluation.scope import make_scope
    from cinegan_jax.evaluation.target import open_target

    keep_compilations_for_user()
    scope = make_scope(protocol, limit, without or (), lpips)
    opened = open_target(target, data, look)
    weights = {name: str(file) for name, file in (("lpips", lpips), ("fid", inception)) if file}
    about = dataclasses.replace(opened.about, weights=weights)
    folder = open_path(output) if output else default_folder(target)
    make_folder(folder)
    if isinstance(opened, PictureTarget):
        of_pairs = {"--protocol": protocol != "all", "--without": without, "--lpips": lpips}
        if refused := [option for option, given in of_pairs.items() if given]:
            raise UserError(
                f"{target} makes pictures of latents, which are scored as whole sets: leave out "
                f"{', '.join(refused)}, which are of pairs"
            )
        of_latents = dataclasses.replace(opened, about=about, most=limit or opened.most)
        result, written = _score_sets(of_latents, inception, folder)
    else:
        of_photos = dataclasses.replace(opened, about=about)
        result, written = _score_pairs(of_photos, scope, inception, folder)
    print_result(result)
    typer.echo(f"{folder}: {', '.join(written)}")


def _score_pairs(
    target: "Target", scope: "Scope", inception: Path | None, folder: "epath.Path"
) -> tuple["Evaluation", Sequence[str]]:
    """What was found, and the files that tell of it."""
    from cinegan_jax.evaluation.evaluate import evaluate as score
    from cinegan_jax.evaluation.outputs import write_outputs
    from cinegan_jax.evaluation.sets import open_sets

    sets = open_sets(inception, scope.protocols, target.methods) if inception else None
    result = score(target.test_pairs, target.methods, target.about, scope, sets)
    return result, write_outputs(result, target, folder)


def _score_sets(
    target: "PictureTarget", inception: Path | None, folder: "epath.Path"
) -> tuple["Evaluation", Sequence[str]]:
    """What was found, and the files that tell of it."""
    from cinegan_jax.evaluation.picture_outputs import write_picture_outputs
    from cinegan_jax.evaluation.score_sets import score_sets
    from cinegan_jax.metrics.sets import inception_on_devices
    from cinegan_jax.nets.inception import load_inception

    network = inception_on_devices(load_inception(inception)) if inception else None
    result = score_sets(target, network)
    return result, write_picture_outputs(result, target, folder)


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
