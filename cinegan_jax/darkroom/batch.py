"""Photos through the look: read, developed and written, several at once, whatever some of them do.

A few photos are under way at a time. One is developed while others are decoded or encoded, since
developing uses all cores and codecs use one. How many there may be is bounded by their number and
by their pixels, so memory does not grow with the batch.
"""

import dataclasses
import os
import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.storage import write_whole
from cinegan_jax.darkroom.destination import Destination, require_writable
from cinegan_jax.darkroom.find import Found
from cinegan_jax.darkroom.outcome import Outcome, printable
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import Look
from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.formats.registry import WRITTEN_INSTEAD, WRITTEN_SUFFIXES
from cinegan_jax.photos.read import probe, read_photo

MAX_PIXELS = 250_000_000
"""Of one photo."""
PIXELS_AT_ONCE = 150_000_000
"""Of all photos under way, unless one alone has more."""


T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """What is done with every photo."""

    look: Look
    settings: Settings
    options: EncodeOptions
    destination: Destination
    overwrite: bool = False


class Watch(Protocol):
    """Who follows a batch."""

    def share(self, photo: Path, done: float) -> None:
        """0 to 1 of a photo is developed; called from any thread."""

    def ended(self, outcome: Outcome) -> None:
        """A photo came to its end."""


class Stopped(Exception):
    """The batch ends before this photo is done."""


@dataclass(frozen=True)
class _Task:
    photo: Found
    result: Path
    pixels: int


class Batch:
    """The photos of one command. `not_tried` are those that nothing became of."""

    def __init__(self, photos: Sequence[Found], recipe: Recipe, watch: Watch) -> None:
        self.not_tried = len(photos)
        self._photos, self._recipe, self._watch = photos, recipe, watch
        self._sources = {os.path.realpath(photo.path): photo.path for photo in photos}
        self._taken: dict[Path, Path] = {}
        self._running: dict[Future[Outcome], _Task] = {}
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()

    def run(self, jobs: int) -> None:
        """Develops the photos, `jobs` under way at a time.

        On a full disk the batch ends. On KeyboardInterrupt, which passes through, photos that are
        being written are finished and others dropped.
        """
        pool = ThreadPoolExecutor(jobs)
        try:
            for photo in self._photos:
                planned = _told(photo, self._plan)
                if isinstance(planned, Outcome):
                    self._end(planned)
                    continue
                self._make_room(jobs - 1, PIXELS_AT_ONCE - planned.pixels)
                if self._stop.is_set():
                    break
                self._running[pool.submit(self._try, planned)] = planned
            self._make_room(0, 0)
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            self._collect()

    def _plan(self, photo: Found) -> _Task | Outcome:
        """Where a photo's result goes, or why there will be none."""
        header = probe(photo.path, name=printable(photo.path))
        kind = self._recipe.options.format or WRITTEN_INSTEAD.get(header.format, header.format)
        result = self._recipe.destination.of(photo, WRITTEN_SUFFIXES[kind])
        other = self._taken.setdefault(result, photo.path)
        if other is not photo.path:
            return Outcome(
                photo.path,
                "failed",
                f"its result would be {printable(result)}, as that of {printable(other)}: "
                "give another folder with -o, or rename it",
            )
        if result.exists() and (source := self._sources.get(os.path.realpath(result))):
            return Outcome(
                photo.path,
                "failed",
                f"its result would replace the photo {printable(source)}: "
                "give a --suffix, or another folder with -o",
            )
        if os.path.lexists(result) and not self._recipe.overwrite:
            return Outcome(photo.path, "skipped", "its result exists (--overwrite replaces it)")
        require_writable(result.parent)
        return _Task(photo, result, header.width * header.height)

    def _make_room(self, most: int, most_pixels: int) -> None:
        """Waits until so few are under way, or none."""
        while len(self._running) > most or (
            self._running and sum(task.pixels for task in self._running.values()) > most_pixels
        ):
            wait(self._running, return_when=FIRST_COMPLETED)
            self._collect()

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            del self._running[future]
            if not future.cancelled() and not isinstance(future.exception(), Stopped):
                self._end(future.result())

    def _end(self, outcome: Outcome) -> None:
        self.not_tried -= 1
        self._watch.ended(outcome)
        if outcome.ends_batch:
            self._stop.set()

    def _try(self, task: _Task) -> Outcome:
        return _told(task.photo, lambda photo: self._develop(photo, task.result))

    def _develop(self, found: Found, result: Path) -> Outcome:
        """One photo from file to file."""
        path = found.path
        seed = zlib.crc32(os.fsencode(path.name))
        settings = dataclasses.replace(self._recipe.settings, seed=seed)
        options = dataclasses.replace(self._recipe.options, seed=seed)
        self._go_on(path, 0.0)
        photo = read_photo(path, name=printable(path), max_pixels=MAX_PIXELS)
        with self._one_at_a_time:
            self._go_on(path, 0.0)
            pixels = develop(
                photo.pixels, self._recipe.look, settings, lambda share: self._go_on(path, share)
            )
        write_whole(result, encode_photo(photo, pixels, options))
        return Outcome(path, "done", result=result, notes=photo.source.notes)

    def _go_on(self, path: Path, share: float) -> None:
        if self._stop.is_set():
            raise Stopped
        self._watch.share(path, share)


def _told(photo: Found, work: Callable[[Found], T | Outcome]) -> T | Outcome:
    """What `work` makes of a photo, or the outcome that says why it could not."""
    try:
        return work(photo)
    except Stopped:
        raise
    except Exception as error:
        reason = _reason(photo.path, error)
        return Outcome(photo.path, "failed", reason, ends_batch=is_disk_full(error))


def _reason(path: Path, error: Exception) -> str:
    if is_disk_full(error):
        return "no space is left where its result goes"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "the memory does not suffice: try --jobs 1 and another --method"
    if isinstance(error, UserError):
        return str(error).removeprefix(f"{printable(path)}: ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"unforeseen, please report it: {type(error).__name__}: {error}"
