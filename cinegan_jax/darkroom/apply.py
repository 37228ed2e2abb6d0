"""`cinegan apply` from the given paths to the exit code."""

from collections.abc import Sequence
from pathlib import Path

import typer

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.batch import BatchOptions, PhotoBatch
from cinegan_jax.darkroom.destination import require_writable
from cinegan_jax.darkroom.find import FoundPhoto, PhotoSearch, results_beside_photos
from cinegan_jax.darkroom.names import USUAL_TEMPLATE
from cinegan_jax.darkroom.outcomes import BatchReport, Outcome, printable, summary
from cinegan_jax.inference.look import installed_looks

_STOPPED_EXIT_CODE = 130
"""Exit code after Ctrl-C: the shell's 128 + SIGINT."""


def apply_looks(
    given: Sequence[Path],
    options: BatchOptions,
    *,
    recursive: bool,
    jobs: int,
    summary_on_error: bool = False,
) -> int:
    """Develop the photos in the given files and folders, and print a summary.

    Args:
      given: files and folders from the command line.
      options: how to develop the photos, and where to write the results.
      recursive: whether to enter subfolders.
      jobs: maximum number of photos in progress.
      summary_on_error: whether the summary goes to standard error.

    Returns:
      The exit code: 0, 1 if any photo failed, 130 after Ctrl-C.

    Raises:
      UserError: there are no photos, or the output folder cannot be written.
    """
    search = _search(options, recursive)
    entries = list(search.photos(given))
    if not entries:
        raise UserError(_no_photos(given, search))
    if options.destination.folder is not None:
        require_writable(options.destination.folder)
    found = [entry for entry in entries if isinstance(entry, FoundPhoto)]
    with BatchReport(len(found) * len(options.looks) + len(entries) - len(found)) as report:
        for entry in entries:
            if isinstance(entry, Outcome):
                report.ended(entry)
        batch = PhotoBatch(found, options, report)
        try:
            batch.run(jobs)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    for line in summary(report.outcomes, batch.not_tried, search.left_out):
        typer.echo(line, err=summary_on_error)
    if stopped:
        typer.echo("Stopped. Run the same command again to continue.", err=True)
        return _STOPPED_EXIT_CODE
    return int(any(outcome.status == "failed" for outcome in report.outcomes))


def _search(options: BatchOptions, recursive: bool) -> PhotoSearch:
    template = options.destination.template
    patterns = [template.pattern(look.name) for look in options.looks]
    patterns += [USUAL_TEMPLATE.pattern(name) for name in installed_looks()]
    return PhotoSearch(recursive, options.destination.folder, results_beside_photos(patterns))


def _no_photos(given: Sequence[Path], search: PhotoSearch) -> str:
    hint = "" if search.recursive else "; --recursive enters subfolders"
    others = sum(counts.total() for counts in search.left_out.values())
    found = f" (files that are no photos: {others})" if others else ""
    return f"no photos in {', '.join(map(printable, given))}{found}{hint}"
