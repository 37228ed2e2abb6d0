"""Terminal output of the commands: progress bars and summaries."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cinegan_jax.collect.clean import CleaningResult
from cinegan_jax.collect.download import DownloadResult
from cinegan_jax.collect.listing import ListingResult
from cinegan_jax.collect.records import Collection

_SHOWN = 5
"""Maximum number of failures that a summary shows."""


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error if that is a terminal; yield its update(done, total)."""
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def listing_summary(result: ListingResult, collection: Collection) -> Iterable[str]:
    """Yield the lines about a listing."""
    yield (
        f"{collection.addresses}: {result.new} new images, {result.known} known ones; "
        f"{result.pages} pages read, {result.skipped_pages} read before"
    )
    if result.unread_pages:
        yield f"{result.unread_pages} pages were not read: raise --pages to read more"
    yield from _failures(result.failed)


def download_summary(result: DownloadResult, left: int, collection: Collection) -> Iterable[str]:
    """Yield the lines about a download that left `left` addresses untried."""
    counts = [f"{result.new} downloaded", f"{result.earlier} downloaded before"]
    counts += [f"{len(result.failed)} failed"] + [f"{left} not tried"] * (left > 0)
    yield f"{collection.pictures}: {', '.join(counts)}"
    if result.copies:
        yield f"{result.copies} have the same content as another image, which is kept once"
    if result.failed_earlier:
        yield f"{result.failed_earlier} failed before: --retry-failures tries them again"
    yield from _failures([(failed.address, failed.reason) for failed in result.failed])
    if len(result.failed) > _SHOWN:
        yield f"{collection.failures} lists them all"


def cleaning_summary(result: CleaningResult, collection: Collection) -> Iterable[str]:
    """Yield the lines about a cleaning."""
    yield f"{collection.pictures}: {len(result.kept)} images kept, {len(result.rejected)} rejected"
    kinds = Counter(rejection.kind for rejection in result.rejected)
    yield from (f"  {count} {kind}" for kind, count in kinds.most_common())
    if result.rejected:
        yield f"{collection.rejections} gives the reasons"


def _failures(failed: Sequence[tuple[str, str]]) -> Iterable[str]:
    yield from (f"failed: {address}: {reason}" for address, reason in failed[:_SHOWN])
    if len(failed) > _SHOWN:
        yield f"and {len(failed) - _SHOWN} more failed"
