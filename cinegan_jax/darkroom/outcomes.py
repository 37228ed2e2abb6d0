"""Outcomes of the photos of a batch, and the report that a person reads."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_NAMES_SHOWN = 5
"""Maximum number of names listed per reason, and of results listed."""

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How one photo ended, with one look.

    Attributes:
      photo: its path as given on the command line or found in a folder.
      status: `done`, `skipped` (nothing to do) or `failed`.
      reason: why it was skipped or failed.
      result: the file that was written.
      notes: remarks about the result, such as frames left out.
      ends_batch: whether all later photos would fail too, as on a full disk.
      results: number of results that it stands for; more than one where a photo failed for
        several looks.
    """

    photo: Path
    status: Status
    reason: str = ""
    result: Path | None = None
    notes: tuple[str, ...] = ()
    ends_batch: bool = False
    results: int = 1


def printable(path: Path | str) -> str:
    """Return a name as one line of text, with everything escaped that could break or disguise it.

    Escaped are control characters, bytes that are not UTF-8, and invisible characters other than
    the zero-width joiner of emoji.
    """
    return "".join(
        c if c.isprintable() or c == "\u200d" else c.encode("unicode_escape").decode()
        for c in str(path)
    )


class BatchReport:
    """Progress of a batch on standard error: a bar on a terminal, otherwise one line per photo."""

    def __init__(self, results: int) -> None:
        """Create the report of a batch with this number of results."""
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
        self._task = self.bar.add_task("Developing", total=results, failed="")
        self._shares: dict[Path, float] = {}
        self._lock = threading.Lock()
        self._results = results
        self._counts: Counter[Status] = Counter()
        self._ended: Counter[Status] = Counter()

    def __enter__(self) -> "BatchReport":
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
        """Show the completed fraction of a photo, 0 to 1."""
        with self._lock:
            self._shares[photo] = done
        self._show(printable(photo.name))

    def ended(self, outcome: Outcome) -> None:
        """Record an outcome. Skipped photos do not count towards the remaining time."""
        with self._lock:
            self._shares.pop(outcome.photo, None)
            self.outcomes.append(outcome)
            self._counts[outcome.status] += 1
            self._ended[outcome.status] += outcome.results
        self._show()
        if not self._console.is_terminal and outcome.status != "skipped":
            end = (
                f"-> {printable(outcome.result)}" if outcome.result else f"failed: {outcome.reason}"
            )
            self._console.print(f"{printable(outcome.photo)} {end}", soft_wrap=True)

    def _show(self, name: str | None = None) -> None:
        with self._lock:
            tried = self._ended["done"] + self._ended["failed"]
            failed = f"{self._counts['failed']} failed" if self._counts["failed"] else ""
            completed = tried + sum(self._shares.values())
            total = self._results - self._ended["skipped"]
        self.bar.update(
            self._task, description=name, completed=completed, total=total, failed=failed
        )


def summary(
    outcomes: Sequence[Outcome],
    not_tried: int = 0,
    left_out: Mapping[str, Counter[str]] = MappingProxyType({}),
) -> Iterable[str]:
    """Yield lines with the number of photos done, skipped and failed, and the reasons.

    Args:
      outcomes: the photos with an outcome.
      not_tried: number of the others.
      left_out: number of files in folders that are no photos, by reason and then by ending.
    """
    by_status: dict[Status, list[Outcome]] = {"done": [], "skipped": [], "failed": []}
    for outcome in outcomes:
        by_status[outcome.status].append(outcome)
    done, skipped, failed = by_status.values()
    counts = [f"{len(done)} developed", f"{len(skipped)} skipped", f"{len(failed)} failed"]
    yield ", ".join(counts) + (f", {not_tried} not tried" if not_tried else "")
    if len(done) <= _NAMES_SHOWN:
        yield from (f"  {printable(outcome.result)}" for outcome in done if outcome.result)
    yield from _grouped("note", [(note, o.photo) for o in done for note in o.notes])
    yield from _grouped("skipped", [(o.reason, o.photo) for o in skipped])
    yield from (f"left out: {_endings(counts)}: {reason}" for reason, counts in left_out.items())
    yield from (f"failed: {printable(o.photo)}: {o.reason}" for o in failed)


def _endings(counts: Counter[str]) -> str:
    """Return the number of files of each of the most frequent endings, and of the rest."""
    names = [
        f"{number} {printable(ending) or 'without an ending'}"
        for ending, number in counts.most_common(_NAMES_SHOWN)
    ]
    rest = counts.total() - sum(number for _, number in counts.most_common(_NAMES_SHOWN))
    return ", ".join([*names, f"{rest} others"] if rest else names)


def _grouped(word: str, entries: list[tuple[str, Path]]) -> Iterable[str]:
    """Yield one line per reason, with the first few of its photos."""
    photos = defaultdict(list)
    for reason, photo in entries:
        photos[reason].append(printable(photo))
    for reason, names in photos.items():
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        yield f"{word}: {', '.join(names[:_NAMES_SHOWN])}{more}: {reason}"
