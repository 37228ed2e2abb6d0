"""Jobs of the web server: the tasks a worker can do, and the queue in front of the worker.

The queue is bounded, runs previews first, and skips the jobs of clients that have disconnected. The
server process never imports JAX; only the worker process does.
"""

import asyncio
import enum
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from cinegan_jax.core.errors import UserError


@dataclass(frozen=True)
class LookSummary:
    """Name of a look, its description in one line, its kind, and the glow it adds by default."""

    name: str
    description: str
    monochrome: bool = False
    halation: float = 0.0
    bloom: float = 0.0


@dataclass(frozen=True)
class WorkerInfo:
    """Looks that the worker offers, and the formats that it reads and writes.

    Attributes:
      looks: the available looks.
      suffixes: file name suffixes of the photos it reads.
      look_suffixes: file name suffixes of the look files and LUT files it reads.
      formats: names of the formats it writes.
    """

    looks: tuple[LookSummary, ...] = ()
    suffixes: tuple[str, ...] = ()
    look_suffixes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()

    def check(self, look: str, format: str | None = None) -> None:
        """Raise a UserError if a look or format is not offered."""
        names = [summary.name for summary in self.looks]
        if look not in names:
            raise UserError(f"look {look!r} is not one of {', '.join(names)}")
        if format is not None and format not in self.formats:
            raise UserError(f"unknown image format {format!r}; known: {', '.join(self.formats)}")


@dataclass(frozen=True)
class LookFile:
    """Content and name of a look file or LUT file that a client sent."""

    content: bytes
    name: str


@dataclass(frozen=True)
class DevelopPhoto:
    """Task: apply a look to a photo.

    Attributes:
      photo: the bytes of the photo file.
      name: its file name, for messages.
      look: name of one of the worker's looks, or a look of the client's own.
      settings: fields of `inference.develop.Settings`.
      light: fields of `photos.light.Light`.
      format, quality: as in `photos.encode.EncodeOptions`.
      max_side: reduce the photo first if its long side exceeds this number of pixels.
    """

    photo: bytes
    name: str
    look: str | LookFile
    settings: Mapping[str, Any] = field(default_factory=dict)
    light: Mapping[str, Any] = field(default_factory=dict)
    format: str | None = None
    quality: int | None = None
    max_side: int | None = None


@dataclass(frozen=True)
class MakeLut:
    """Task: write the colours of a look as a LUT file, `cube` or `hald`."""

    look: str
    size: int
    format: str


@dataclass(frozen=True)
class WarmUp:
    """Task: compile the programs that a photo of this shape needs."""

    look: str
    height: int
    width: int


WorkerTask = DevelopPhoto | MakeLut | WarmUp


@dataclass(frozen=True)
class Answer:
    """File produced by a task. Empty after a warm-up.

    Attributes:
      content: the bytes of the file.
      media_type: their type.
      suffix: suffix of the file name.
      notes: remarks for the user, such as metadata that the format cannot hold.
    """

    content: bytes = b""
    media_type: str = ""
    suffix: str = ""
    notes: tuple[str, ...] = ()


class JobState(Protocol):
    """State shared between a job and the worker.

    The worker writes `share`, the completed fraction, and reads `cancelled`.
    """

    share: float
    cancelled: bool


class TaskWorker(Protocol):
    """Worker that does one task at a time and blocks until it is done."""

    def do(self, task: WorkerTask, state: JobState, /) -> Answer:
        """Do the task; see `web.worker.Worker.do`."""


class QueueFull(Exception):
    """The server is already serving `ServerLimits.requests` requests."""


class ServerStopping(Exception):
    """The server stops, and neither starts new jobs nor finishes long ones."""


class Urgency(enum.IntEnum):
    """Priority of a job; the lowest value runs first."""

    PREVIEW = 0
    FULL_SIZE = 1
    WARM_UP = 2


_job_numbers = itertools.count()


class Job:
    """A task that is waiting, running or finished.

    Attributes:
      rank: sort key; the lowest runs first.
      share: completed fraction, 0 to 1.
      cancelled: True once no client waits for the result.
      answer: future of the result; it carries the exception that the worker raised.
    """

    def __init__(self, task: WorkerTask, urgency: Urgency) -> None:
        self.task = task
        self.rank = (urgency, next(_job_numbers))
        self.share = 0.0
        self.cancelled = False
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        """Stop the job, or prevent it from starting."""
        self.cancelled = True
        self.answer.cancel()

    def fail(self, error: Exception) -> None:
        """End the job with an error, unless it has ended, and stop it."""
        self.cancelled = True
        if not self.answer.done():
            self.answer.set_exception(error)


class JobQueue:
    """Priority queue in front of the worker. All methods run in the event loop.

    Attributes:
      requests: number of slots in use.
      waiting: jobs that have not started.
    """

    def __init__(self, worker: TaskWorker, max_requests: int) -> None:
        self.requests = 0
        self.waiting: list[Job] = []
        self._worker, self._max_requests = worker, max_requests
        self._arrivals = asyncio.Semaphore(0)
        self._running: Job | None = None
        self._closed = False

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for one request, from before its body is read until it is answered.

        Raises:
          QueueFull: no slot is free.
          ServerStopping: the queue is closed.
        """
        if self._closed:
            raise ServerStopping
        if self.requests >= self._max_requests:
            raise QueueFull
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    def add(self, task: WorkerTask, urgency: Urgency) -> Job:
        """Add a task to the queue and return its job.

        Raises:
          ServerStopping: the queue is closed.
        """
        if self._closed:
            raise ServerStopping
        job = Job(task, urgency)
        self.waiting.append(job)
        self._arrivals.release()
        return job

    def ahead_of(self, job: Job) -> int | None:
        """Return the number of waiting jobs that run before this one; None once it has started."""
        if job not in self.waiting:
            return None
        return sum(other.rank < job.rank and not other.cancelled for other in self.waiting)

    async def work(self) -> None:
        """Pass jobs to the worker, one after another, until cancelled."""
        while True:
            await self._arrivals.acquire()
            job = min(self.waiting, key=lambda job: job.rank)
            self.waiting.remove(job)
            if job.cancelled:
                continue
            self._running = job
            try:
                answer = await asyncio.to_thread(self._worker.do, job.task, job)
            except Exception as error:
                job.fail(error)
            else:
                if not job.answer.done():
                    job.answer.set_result(answer)
            self._running = None

    async def close(self, seconds: float) -> None:
        """Accept no more jobs, fail those that wait, and let the running one finish.

        Args:
          seconds: time after which the running job fails too. Its task is cancelled.
        """
        self._closed = True
        for job in self.waiting:
            job.fail(ServerStopping())
        if (running := self._running) is not None:
            await asyncio.wait([running.answer], timeout=seconds)
            running.fail(ServerStopping())
