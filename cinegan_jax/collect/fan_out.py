"""Tasks that wait for servers, many at once and few of them at one server."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from cinegan_jax.collect.failure import Stopped

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

        Where `work` raises Stopped, its task has not ended; it must raise nothing else.
        """
        self.left = 0
        self._work, self._host_of, self._ended = work, host_of, ended
        self._jobs, self._per_host = jobs, per_host
        self._waiting: dict[str, deque[Task]] = {}
        self._running: dict[Future[Result], Task] = {}
        self._busy: Counter[str] = Counter()
        self._closing = threading.Event()

    def add(self, task: Task) -> None:
        """Adds a task, behind those of the same host."""
        self._waiting.setdefault(self._host_of(task), deque()).append(task)
        self.left += 1

    def close(self) -> None:
        """Begins no more tasks; those under way come to their end."""
        self._closing.set()

    def run(self, stop: Callable[[], None]) -> None:
        """Returns when every task has ended, or after `close` those that had begun.

        Args:
          stop: makes `work` end soon; called when this is left by an exception, KeyboardInterrupt
            above all. What was done by then is told to `ended` even so.
        """
        pool = ThreadPoolExecutor(self._jobs)
        try:
            self._fill(pool)
            while self._running:
                wait(self._running, return_when=FIRST_COMPLETED)
                self._collect()
                self._fill(pool)
        except BaseException:
            stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            self._collect()

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        for host, tasks in list(self._waiting.items()):
            while tasks and self._busy[host] < self._per_host and not self._closing.is_set():
                if len(self._running) >= self._jobs:
                    return
                task = tasks.popleft()
                self._busy[host] += 1
                self._running[pool.submit(self._work, task)] = task
            if not tasks:
                del self._waiting[host]

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            task = self._running.pop(future)
            self._busy[self._host_of(task)] -= 1
            if future.cancelled() or isinstance(future.exception(), Stopped):
                continue
            self.left -= 1
            self._ended(task, future.result())
