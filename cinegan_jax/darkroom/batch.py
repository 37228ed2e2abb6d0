"""Batch development: read, develop and write several photos at once, and survive bad files.

Developing uses all cores and codecs use one, so one photo is developed while others are decoded or
encoded, each in a process that may crash. The number of photos in progress and the sum of their
pixels are bounded, so memory does not grow with the batch.
"""

import dataclasses
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.darkroom.destination import Destination, require_writable
from cinegan_jax.darkroom.find import FoundPhoto
from cinegan_jax.darkroom.outcomes import Outcome, printable
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.record import development_record
from cinegan_jax.photos.encode import EncodeOptions
from cinegan_jax.photos.formats.registry import WRITTEN_INSTEAD, WRITTEN_SUFFIXES
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.limits import MAX_PHOTO_PIXELS
from cinegan_jax.photos.photo_process import PhotoProcess, ReadPixels
from cinegan_jax.photos.resizing import Resize

_MAX_PIXELS_IN_PROGRESS = 150_000_000
"""Maximum sum of the pixels of all photos in progress, unless a single photo has more."""


@dataclass(frozen=True)
class BatchOptions:
    """Looks, settings and destination that all photos of a batch share.

    A photo is read once for all looks; `size` is that of the results, by default the photo's own.
    """

    looks: tuple[Look, ...]
    settings: Settings
    encoding: EncodeOptions
    destination: Destination
    overwrite: bool = False
    light: Light = Light()
    size: Resize | None = None


class BatchObserver(Protocol):
    """Receiver of a batch's progress."""

    def share(self, photo: Path, done: float) -> None:
        """Receive how many results of a photo are done, 0.5 for half; called from any thread."""

    def ended(self, outcome: Outcome) -> None:
        """Receive the outcome of a photo."""


class PhotoBatch:
    """The photos of one command.

    Attributes:
      not_tried: number of results without an outcome.
    """

    def __init__(
        self, photos: Sequence[FoundPhoto], options: BatchOptions, observer: BatchObserver
    ) -> None:
        self.not_tried = len(photos) * len(options.looks)
        self._photos, self._options, self._observer = photos, options, observer
        self._sources = {os.path.realpath(photo.path): photo.path for photo in photos}
        self._planned: dict[Path, Path] = {}
        self._running: dict[Future[list[Outcome]], _Task] = {}
        self._processes: list[PhotoProcess] = []
        self._idle: list[PhotoProcess] = []
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
                self._wait_for_room(jobs - 1, MAX_PHOTO_PIXELS)
                if self._stop.is_set():
                    break
                if task := self._planned_task(photo):
                    self._wait_for_room(jobs - 1, _MAX_PIXELS_IN_PROGRESS - task.pixels)
                    self._running[pool.submit(self._try, task)] = task
            self._wait_for_room(0, 0)
        finally:
            self._stop.set()
            for task in self._running.values():
                task.process.abandon()
            pool.shutdown(cancel_futures=True)
            self._collect()
            for process in self._processes:
                process.close()

    def _planned_task(self, photo: FoundPhoto) -> "_Task | None":
        """Return what to do for a photo; None where all of its outcomes are known already."""
        process = self._idle_process()
        try:
            task = self._plan(photo, process)
        except Exception as error:
            self._end(_failed(photo.path, error, results=len(self._options.looks)))
            task = None
        if task is None or not task.results:
            self._idle.append(process)
            return None
        return task

    def _idle_process(self) -> PhotoProcess:
        if not self._idle:
            self._processes.append(PhotoProcess())
            self._idle.append(self._processes[-1])
        return self._idle.pop()

    def _plan(self, photo: FoundPhoto, process: PhotoProcess) -> "_Task":
        """Return the results to make of a photo; the outcomes of others are reported."""
        header = process.probe(photo.path, printable(photo.path))
        form = self._options.encoding.format or WRITTEN_INSTEAD.get(header.format, header.format)
        results = []
        for look in self._options.looks:
            result = self._options.destination.of(photo, look.name, WRITTEN_SUFFIXES[form])
            if outcome := self._known_outcome(photo.path, result):
                self._end(outcome)
            else:
                results.append((look, result))
        return _Task(photo.path, tuple(results), header.width * header.height, process)

    def _known_outcome(self, photo: Path, result: Path) -> Outcome | None:
        """Return the outcome if a result is not to be made."""
        first = self._planned.setdefault(result, photo)
        if first is not photo:
            return Outcome(
                photo,
                "failed",
                f"its result would be {printable(result)}, like that of {printable(first)}: "
                "give another folder with -o, or rename it",
            )
        if result.exists() and (source := self._sources.get(os.path.realpath(result))):
            return Outcome(
                photo,
                "failed",
                f"its result would replace the photo {printable(source)}: "
                "give a --suffix, or another folder with -o",
            )
        if os.path.lexists(result) and not self._options.overwrite:
            return Outcome(photo, "skipped", "its result exists (--overwrite replaces it)")
        try:
            require_writable(result.parent)
        except UserError as error:
            return _failed(photo, error)
        return None

    def _wait_for_room(self, max_photos: int, max_pixels: int) -> None:
        """Wait until at most this many photos and pixels are in progress, or no photo at all."""
        while len(self._running) > max_photos or (
            self._running and sum(task.pixels for task in self._running.values()) > max_pixels
        ):
            wait(self._running, return_when=FIRST_COMPLETED)
            self._collect()

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            self._idle.append(self._running.pop(future).process)
            if not future.cancelled():
                for outcome in future.result():
                    self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self.not_tried -= outcome.results
        self._observer.ended(outcome)
        if outcome.ends_batch:
            self._stop.set()

    def _try(self, task: "_Task") -> list[Outcome]:
        """Make the results of a photo; return their outcomes so far where the batch is stopped."""
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(self._develop(task))
        except _BatchStopped:
            pass
        except Exception as error:
            left = len(task.results) - len(outcomes)
            outcomes.append(_failed(task.photo, error, results=left))
        return outcomes

    def _develop(self, task: "_Task") -> Iterator[Outcome]:
        """Read a photo; develop and write it with one look after another."""
        self._report(task, 0.0)
        try:
            photo = task.process.read(MAX_PHOTO_PIXELS, self._options.light, self._options.size)
        finally:
            self._report(task, 0.0)  # a process that was abandoned is no failure
        for number, (look, result) in enumerate(task.results):
            yield self._made(task, number, look, result, photo)

    def _made(
        self, task: "_Task", number: int, look: Look, result: Path, photo: ReadPixels
    ) -> Outcome:
        """Develop and write a photo with one look."""
        seed = zlib.crc32(os.fsencode(task.photo.name))
        settings = dataclasses.replace(self._options.settings, seed=seed)
        record = development_record(look, settings, self._options.light)
        encoding = dataclasses.replace(self._options.encoding, seed=seed, development=record)
        with self._developing:
            self._report(task, number)
            pixels = develop(
                photo.pixels, look, settings, lambda share: self._report(task, number + share)
            )
        notes = photo.notes + task.process.write(result, pixels, encoding)
        return Outcome(task.photo, "done", result=result, notes=notes)

    def _report(self, task: "_Task", results: float) -> None:
        """Pass on how many results of a photo are done; raise if the batch has been stopped."""
        if self._stop.is_set():
            raise _BatchStopped
        self._observer.share(task.photo, results)


@dataclass(frozen=True)
class _Task:
    photo: Path
    results: tuple[tuple[Look, Path], ...]
    pixels: int
    process: PhotoProcess


class _BatchStopped(Exception):
    """The batch was stopped before this photo was done."""


def _failed(photo: Path, error: Exception, results: int = 1) -> Outcome:
    reason = _reason(photo, error)
    return Outcome(photo, "failed", reason, ends_batch=is_disk_full(error), results=results)


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
