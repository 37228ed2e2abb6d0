"""What a person sees of a batch: a bar while it runs, and how it ended."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cinegan_jax.darkroom.outcome import Outcome, Status, printable

NAMES_SHOWN = 5
"""Of files that share a reason, and of results."""


class Report:
    """Follows a batch on standard error: a bar on a terminal, else a line for each photo."""

    def __init__(self, photos: int) -> None:
        """`photos`: how many there are."""
        self.outcomes: list[Outcome] = []
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self.bar.add_task("Developing", total=photos, failed="")
        self._shares: dict[Path, float] = {}
        self._lock = threading.Lock()
        self._photos = photos
        self._counts: Counter[Status] = Counter()

    def __enter__(self) -> "Report":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def share(self, photo: Path, done: float) -> None:
        """0 to 1 of a photo is developed."""
        with self._lock:
            self._shares[photo] = done
        self._show(printable(photo.name))

    def ended(self, outcome: Outcome) -> None:
        """A photo came to its end; one that was skipped does not count for the time left."""
        with self._lock:
            self._shares.pop(outcome.photo, None)
            self.outcomes.append(outcome)
            self._counts[outcome.status] += 1
        self._show()
        if not self._console.is_terminal and outcome.status != "skipped":
            end = (
                f"-> {printable(outcome.result)}" if outcome.result else f"failed: {outcome.reason}"
            )
            self._console.print(f"{printable(outcome.photo)} {end}", soft_wrap=True)

    def _show(self, name: str | None = None) -> None:
        with self._lock:
            tried = self._counts["done"] + self._counts["failed"]
            failed = f"{self._counts['failed']} failed" if self._counts["failed"] else ""
            completed = tried + sum(self._shares.values())
            total = self._photos - self._counts["skipped"]
        self.bar.update(
            self._task, description=name, completed=completed, total=total, failed=failed
        )


def summary(outcomes: Sequence[Outcome], not_tried: int = 0) -> Iterable[str]:
    """Lines that say how many photos were done, skipped and failed, and why."""
    by_status: dict[Status, list[Outcome]] = {"done": [], "skipped": [], "failed": []}
    for outcome in outcomes:
        by_status[outcome.status].append(outcome)
    done, skipped, failed = by_status.values()
    counts = [f"{len(done)} developed", f"{len(skipped)} skipped", f"{len(failed)} failed"]
    yield ", ".join(counts) + (f", {not_tried} not tried" if not_tried else "")
    if len(done) <= NAMES_SHOWN:
        yield from (f"  {printable(outcome.result)}" for outcome in done if outcome.result)
    yield from _grouped("noted", [(note, o.photo) for o in done for note in o.notes])
    yield from _grouped("skipped", [(o.reason, o.photo) for o in skipped])
    yield from (f"failed: {printable(o.photo)}: {o.reason}" for o in failed)


def _grouped(word: str, entries: list[tuple[str, Path]]) -> Iterable[str]:
    """A line for each reason, with the first few of the photos that it holds for."""
    photos = defaultdict(list)
    for reason, photo in entries:
        photos[reason].append(printable(photo))
    for reason, names in photos.items():
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        yield f"{word}: {', '.join(names[:NAMES_SHOWN])}{more}: {reason}"
