"""Tasks that wait for servers, many at once and few of them at one server."""

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from cinegan_jax.collect.failure import Stopped

GRACE = 2.0
"""Seconds that tasks under way have to end when all is stopped."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class FanOut(Generic[Task, Result]):
    """Runs `work` on every task in threads. Tasks may be added while it runs.

    Attributes:
      left: tasks that have not ended.
    """

    def __init__(
        self,
        work: Callable[[Task], Result],
        host_of: Callable[[Task], str],
        ended: Callable[[Task, Result], None],
        *,
        jobs: int,
        per_host: int,
    ) -> None:
        """`ended` is called in the thread of `run`; `jobs` tasks run at once, `per_host` of a host.

        Where `work` raises Stopped, its task has not ended; what else it raises, `run` raises.
        """
        self.left = 0
        self._work, self._host_of, self._ended = work, host_of, ended
        self._jobs, self._per_host = jobs, per_host
        self._waiting: dict[str, deque[Task]] = {}
        self._busy: Counter[str] = Counter()
        self._done: queue.SimpleQueue[tuple[Task, Future[Result]]] = queue.SimpleQueue()
        self._closed = False

    def add(self, task: Task) -> None:
        """Adds a task, behind those of the same host."""
        self._waiting.setdefault(self._host_of(task), deque()).append(task)
        self.left += 1

    def close(self) -> None:
        """Begins no more tasks; those under way come to their end."""
        self._closed = True

    def run(self, stop: Callable[[], None]) -> None:
        """Returns when every task has ended, or after `close` those that had begun.

        Args:
          stop: makes `work` end soon; called when this is left by an exception, KeyboardInterrupt
            above all. What is done by then is told to `ended` even so; what is still not done after
            GRACE, as it waits for a server, ends with the process.
        """
        try:
            self._begin_some()
            while self._busy.total():
                self._end(*self._done.get())
                self._begin_some()
        except BaseException:
            stop()
            self._end_some()
            raise

    def _begin_some(self) -> None:
        for host, tasks in list(self._waiting.items()):
            while tasks and self._busy[host] < self._per_host and not self._closed:
                if self._busy.total() >= self._jobs:
                    return
                self._busy[host] += 1
                threading.Thread(target=self._try, args=(tasks.popleft(),), daemon=True).start()
            if not tasks:
                del self._waiting[host]

    def _try(self, task: Task) -> None:
        future: Future[Result] = Future()
        try:
            future.set_result(self._work(task))
        except BaseException as error:
            future.set_exception(error)
        self._done.put((task, future))

    def _end(self, task: Task, future: Future[Result]) -> None:
        self._busy[self._host_of(task)] -= 1
        if isinstance(future.exception(), Stopped):
            return
        self.left -= 1
        self._ended(task, future.result())

    def _end_some(self) -> None:
        """Ends those that are done within GRACE."""
        end = time.monotonic() + GRACE
        while self._busy.total():
            try:
                self._end(*self._done.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                return
