"""`cinegan report`. Heavy imports wait in the command."""

from typing import Annotated

import typer


def report(
    workdir: Annotated[str, typer.Argument(metavar="WORKDIR", help="Of a run; may be gs://.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Else report.html in the workdir."),
    ] = None,
) -> None:
    """Show a run, finished or not, as one HTML page that needs no network.

    Losses, scores, sample grids through time, health and alarms, speed, evaluation, config.
    """
    import time

    from cinegan_jax.core.storage import open_path
    from cinegan_jax.report.page import write_report

    folder = open_path(workdir)
    path = open_path(output) if output else folder / "report.html"
    size = write_report(folder, path, time.time())
    typer.echo(f"{path}  ({size / 1e6:.1f} MB)")
