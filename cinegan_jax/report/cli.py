"""Command `cinegan report`; heavy imports wait inside it."""

from typing import Annotated

import typer

from cinegan_jax.core.cli_options import WorkdirArgument


def report(
    workdir: WorkdirArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page to write. [default: report.html in the workdir]",
        ),
    ] = None,
) -> None:
    """Write a report of a run, finished or not, as one HTML page that needs no network.

    It shows losses, scores, sample grids over time, health, alarms, speed, evaluation and config.
    """
    import time

    from cinegan_jax.core.storage import open_path
    from cinegan_jax.report.page import write_report

    folder = open_path(workdir)
    path = open_path(output) if output else folder / "report.html"
    size = write_report(folder, path, time.time())
    typer.echo(f"{path}  ({size / 1e6:.1f} MB)")
