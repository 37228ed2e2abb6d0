"""Tasks that wait for servers, run in threads with a limit per host."""

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

GRACE = 2.0
"""Seconds that running tasks have to end after a stop."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class Stopped(BaseException):
    """The command is stopping and the task is unfinished; `except Exception` lets it pass."""


class TaskPool(Generic[Task, Result]):
    """Runs `work` on tasks in threads, with a limit per host. Tasks may be added while it runs.

    The threads are daemons: one that hangs in a silent connection must not keep the process
    alive after Ctrl-C, as those of a ThreadPoolExecutor would.

    Attributes:
      left: number of unfinished tasks.
    """

    def __init__(
        self,
        work: Callable[[Task], Result],
        host_of: Callable[[Task], str],
        finished: Callable[[Task, Result], None],
        *,
        jobs: int,
        per_host: int,
    ) -> None:
        """Call `finished` in the thread of `run`.

        A task whose `work` raises Stopped stays unfinished; `run` raises any other exception.
        """
        self.left = 0
        self._work, self._host_of, self._finished = work, host_of, finished
        self._jobs, self._per_host = jobs, per_host
        self._waiting: dict[str, deque[Task]] = {}
        self._busy: Counter[str] = Counter()
        self._done: queue.SimpleQueue[tuple[Task, Future[Result]]] = queue.SimpleQueue()
        self._closed = False

    def add(self, task: Task) -> None:
        """Append a task to the queue of its host."""
        self._waiting.setdefault(self._host_of(task), deque()).append(task)
        self.left += 1

    def close(self) -> None:
        """Start no further task; running ones finish."""
        self._closed = True

    def run(self, stop: Callable[[], None]) -> None:
        """Run until all tasks have finished, or after `close` until the running ones have.

        Args:
          stop: called on an exception such as KeyboardInterrupt, to make `work` end soon. Tasks
            that finish within GRACE seconds still reach `finished`; others end with the process.
        """
        try:
            self._start()
            while self._busy.total():
                self._finish(*self._done.get())
                self._start()
        except BaseException:
            stop()
            self._finish_within_grace()
            raise

    def _start(self) -> None:
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

    def _finish(self, task: Task, future: Future[Result]) -> None:
        self._busy[self._host_of(task)] -= 1
        if isinstance(future.exception(), Stopped):
            return
        self.left -= 1
        self._finished(task, future.result())

    def _finish_within_grace(self) -> None:
        end = time.monotonic() + GRACE
        while self._busy.total():
            try:
                self._finish(*self._done.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                return
