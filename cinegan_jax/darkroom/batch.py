"""Batch development: read, develop and write several photos at once, and survive bad files.

Developing uses all cores and codecs use one, so one photo is developed while others are decoded or
encoded. The number of photos in progress and the sum of their pixels are bounded, so memory does
not grow with the batch.
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
from cinegan_jax.darkroom.find import FoundPhoto
from cinegan_jax.darkroom.outcomes import Outcome, printable
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import Look
from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.formats.registry import WRITTEN_INSTEAD, WRITTEN_SUFFIXES
from cinegan_jax.photos.read import probe, read_photo

_MAX_PIXELS = 250_000_000
"""Maximum number of pixels of one photo."""
_MAX_PIXELS_IN_PROGRESS = 150_000_000
"""Maximum sum of the pixels of all photos in progress, unless a single photo has more."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class BatchOptions:
    """Look, settings and destination that all photos of a batch share."""

    look: Look
    settings: Settings
    encoding: EncodeOptions
    destination: Destination
    overwrite: bool = False


class BatchObserver(Protocol):
    """Receiver of a batch's progress."""

    def share(self, photo: Path, done: float) -> None:
        """Receive the completed fraction of a photo, 0 to 1; called from any thread."""

    def ended(self, outcome: Outcome) -> None:
        """Receive the outcome of a photo."""


class PhotoBatch:
    """The photos of one command.

    Attributes:
      not_tried: number of photos without an outcome.
    """

    def __init__(
        self, photos: Sequence[FoundPhoto], options: BatchOptions, observer: BatchObserver
    ) -> None:
        self.not_tried = len(photos)
        self._photos, self._options, self._observer = photos, options, observer
        self._sources = {os.path.realpath(photo.path): photo.path for photo in photos}
        self._planned: dict[Path, Path] = {}
        self._running: dict[Future[Outcome], _Task] = {}
        self._developing = threading.Lock()
        self._stop = threading.Event()

    def run(self, jobs: int) -> None:
        """Develop the photos with at most `jobs` in progress.

        A full disk ends the batch. After KeyboardInterrupt, which is raised again, photos that are
        being written are finished and all others are dropped.
        """
        pool = ThreadPoolExecutor(jobs)
        try:
            for photo in self._photos:
                planned = _outcome_of(photo, self._plan)
                if isinstance(planned, Outcome):
                    self._end(planned)
                    continue
                self._wait_for_room(jobs - 1, _MAX_PIXELS_IN_PROGRESS - planned.pixels)
                if self._stop.is_set():
                    break
                self._running[pool.submit(self._try, planned)] = planned
            self._wait_for_room(0, 0)
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            self._collect()

    def _plan(self, photo: FoundPhoto) -> "_Task | Outcome":
        """Return where a photo's result goes, or the outcome if there is to be none."""
        header = probe(photo.path, name=printable(photo.path))
        form = self._options.encoding.format or WRITTEN_INSTEAD.get(header.format, header.format)
        result = self._options.destination.of(photo, WRITTEN_SUFFIXES[form])
        first = self._planned.setdefault(result, photo.path)
        if first is not photo.path:
            return Outcome(
                photo.path,
                "failed",
                f"its result would be {printable(result)}, like that of {printable(first)}: "
                "give another folder with -o, or rename it",
            )
        if result.exists() and (source := self._sources.get(os.path.realpath(result))):
            return Outcome(
                photo.path,
                "failed",
                f"its result would replace the photo {printable(source)}: "
                "give a --suffix, or another folder with -o",
            )
        if os.path.lexists(result) and not self._options.overwrite:
            return Outcome(photo.path, "skipped", "its result exists (--overwrite replaces it)")
        require_writable(result.parent)
        return _Task(photo, result, header.width * header.height)

    def _wait_for_room(self, max_photos: int, max_pixels: int) -> None:
        """Wait until at most this many photos and pixels are in progress, or no photo at all."""
        while len(self._running) > max_photos or (
            self._running and sum(task.pixels for task in self._running.values()) > max_pixels
        ):
            wait(self._running, return_when=FIRST_COMPLETED)
            self._collect()

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            del self._running[future]
            if not future.cancelled() and not isinstance(future.exception(), _BatchStopped):
                self._end(future.result())

    def _end(self, outcome: Outcome) -> None:
        self.not_tried -= 1
        self._observer.ended(outcome)
        if outcome.ends_batch:
            self._stop.set()

    def _try(self, task: "_Task") -> Outcome:
        return _outcome_of(task.photo, lambda photo: self._develop(photo, task.result))

    def _develop(self, found: FoundPhoto, result: Path) -> Outcome:
        """Read, develop and write one photo."""
        path = found.path
        seed = zlib.crc32(os.fsencode(path.name))
        settings = dataclasses.replace(self._options.settings, seed=seed)
        encoding = dataclasses.replace(self._options.encoding, seed=seed)
        self._report(path, 0.0)
        photo = read_photo(path, name=printable(path), max_pixels=_MAX_PIXELS)
        with self._developing:
            self._report(path, 0.0)
            pixels = develop(
                photo.pixels, self._options.look, settings, lambda share: self._report(path, share)
            )
        write_whole(result, encode_photo(photo, pixels, encoding))
        return Outcome(path, "done", result=result, notes=photo.source.notes)

    def _report(self, path: Path, share: float) -> None:
        """Pass on the completed fraction of a photo; raise if the batch has been stopped."""
        if self._stop.is_set():
            raise _BatchStopped
        self._observer.share(path, share)


@dataclass(frozen=True)
class _Task:
    photo: FoundPhoto
    result: Path
    pixels: int


class _BatchStopped(Exception):
    """The batch was stopped before this photo was done."""


def _outcome_of(
    photo: FoundPhoto, work: Callable[[FoundPhoto], _Result | Outcome]
) -> _Result | Outcome:
    """Return what `work` returns for a photo, or a failed outcome if it raises."""
    try:
        return work(photo)
    except _BatchStopped:
        raise
    except Exception as error:
        reason = _reason(photo.path, error)
        return Outcome(photo.path, "failed", reason, ends_batch=is_disk_full(error))


def _reason(path: Path, error: Exception) -> str:
    if is_disk_full(error):
        return "no space left on the disk of its result"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "out of memory: try --jobs 1 and another --method"
    if isinstance(error, UserError):
        return str(error).removeprefix(f"{printable(path)}: ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"unexpected error, please report it: {type(error).__name__}: {error}"
