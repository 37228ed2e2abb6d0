"""The queue before the one worker: bounded, previews first, and nothing done for clients gone."""

import asyncio
import enum
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from cinegan_jax.web.tasks import Answer, Task
from cinegan_jax.web.worker import Worker

_numbers = itertools.count()


class QueueFull(Exception):
    """As many requests as `limits.requests` are being served."""


class Urgency(enum.IntEnum):
    """What goes first."""

    PREVIEW = 0
    FULL_SIZE = 1
    WARM_UP = 2


class Job:
    """A task that waits, is worked on, or is done.

    Attributes:
      rank: the lowest goes first.
      share: done, 0 to 1.
      cancelled: nobody waits for it any more.
      answer: a future of it; holds what `Worker.do` raises.
    """

    def __init__(self, task: Task, urgency: Urgency) -> None:
        self.task = task
        self.rank = (urgency, next(_numbers))
        self.share = 0.0
        self.cancelled = False
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        """Ends it, or keeps it from being begun."""
        self.cancelled = True
        self.answer.cancel()


class Jobs:
    """The queue. Everything but the worker's own thread runs in the event loop.

    Attributes:
      requests: how many hold a place.
      waiting: jobs that are not begun.
    """

    def __init__(self, worker: Worker, most_requests: int) -> None:
        self.requests = 0
        self.waiting: list[Job] = []
        self._worker, self._most_requests = worker, most_requests
        self._arrivals = asyncio.Semaphore(0)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request, from before its body is read until it is answered.

        Raises:
          QueueFull: none is free.
        """
        if self.requests >= self._most_requests:
            raise QueueFull
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    def add(self, task: Task, urgency: Urgency) -> Job:
        """Lets a task wait for its turn."""
        job = Job(task, urgency)
        self.waiting.append(job)
        self._arrivals.release()
        return job

    def ahead_of(self, job: Job) -> int | None:
        """How many waiting jobs go before this one; None once it is begun."""
        if job not in self.waiting:
            return None
        return sum(other.rank < job.rank and not other.cancelled for other in self.waiting)

    async def work(self) -> None:
        """Hands the worker one job after another, for ever."""
        while True:
            await self._arrivals.acquire()
            job = min(self.waiting, key=lambda job: job.rank)
            self.waiting.remove(job)
            if job.cancelled:
                continue
            try:
                answer = await asyncio.to_thread(self._worker.do, job.task, job)
            except Exception as error:
                if not job.answer.done():
                    job.answer.set_exception(error)
            else:
                if not job.answer.done():
                    job.answer.set_result(answer)
