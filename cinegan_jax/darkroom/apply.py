"""`cinegan apply` from paths to exit code."""

from collections.abc import Sequence
from pathlib import Path

import typer

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.batch import Batch, Recipe
from cinegan_jax.darkroom.destination import require_writable
from cinegan_jax.darkroom.find import Found, Search, results_beside_photos
from cinegan_jax.darkroom.outcome import Outcome, printable
from cinegan_jax.darkroom.report import Report, summary
from cinegan_jax.inference.look import installed_looks

STOPPED = 130
"""The exit code after Ctrl-C, as shells have it."""


def apply_look(given: Sequence[Path], recipe: Recipe, *, recursive: bool, jobs: int) -> int:
    """Develops the photos that files and folders name, and tells how it went.

    Returns:
      The exit code: 0, 1 if any photo failed, 130 after Ctrl-C.

    Raises:
      UserError: there are no photos, or the folder of the results cannot be written.
    """
    entries = find(given, recipe, recursive)
    if recipe.destination.folder is not None:
        require_writable(recipe.destination.folder)
    found = [entry for entry in entries if isinstance(entry, Found)]
    with Report(len(entries)) as report:
        for entry in entries:
            if isinstance(entry, Outcome):
                report.ended(entry)
        batch = Batch(found, recipe, report)
        try:
            batch.run(jobs)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    for line in summary(report.outcomes, batch.not_tried):
        typer.echo(line)
    if stopped:
        typer.echo("Stopped. The same command goes on from here.", err=True)
        return STOPPED
    return int(any(outcome.status == "failed" for outcome in report.outcomes))


def find(given: Sequence[Path], recipe: Recipe, recursive: bool) -> list[Found | Outcome]:
    """The photos, and what else was named and why it is left out; raises UserError if nothing."""
    endings = (recipe.destination.suffix, *(f"_{name}" for name in installed_looks()))
    search = Search(recursive, recipe.destination.folder, results_beside_photos(endings))
    entries = list(search.photos(given))
    if not entries:
        hint = "" if recursive else "; --recursive enters the folders in it"
        raise UserError(f"no photos in {', '.join(map(printable, given))}{hint}")
    return entries
