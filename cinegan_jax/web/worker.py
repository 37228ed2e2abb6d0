"""A process of its own for all that touches pixels.

Decoders of a dozen formats meet files from anywhere. Whatever a file does to one, such as running
for ever or taking its process down, it does to this process, which is killed and started anew.
"""

import multiprocessing
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, Protocol

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.limits import Limits, give_memory_back
from cinegan_jax.web.tasks import Answer, Hello, Task

POLL_SECONDS = 0.05
START_SECONDS = 120.0
REPORT_STEP = 0.01
"""Of the share done, between two reports."""


class CancelledJob(Exception):
    """Nobody waits for the answer any more."""


class JobTooLong(Exception):
    """The deadline has passed, and the process was killed."""


class WorkerFailed(Exception):
    """The process ended by itself, or met an error that is not the user's."""


class Watch(Protocol):
    """Who follows a job: is told the share done, says when nobody waits any more."""

    share: float
    cancelled: bool


class Worker:
    """The process, seen from the server. One thread at a time may use it.

    Attributes:
      hello: what it can do; empty before the first start.
    """

    def __init__(self, limits: Limits, weights: tuple[str, ...] = ()) -> None:
        """`weights`: look files and training workdirs, besides the installed looks."""
        self.hello = Hello()
        self._limits, self._weights = limits, weights
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection

    @property
    def pid(self) -> int | None:
        """Of the process, once there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process where none runs, and waits until it can work.

        Raises:
          UserError: a look cannot be used.
          WorkerFailed, JobTooLong: it did not start.
        """
        if self._process and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._limits, self._weights)
        self._process = context.Process(target=_work, args=arguments, name="pixels", daemon=True)
        self._process.start()
        theirs.close()
        self.hello = self._result(START_SECONDS, None)

    def do(self, task: Task, watch: Watch) -> Answer:
        """Has a task done.

        Raises:
          UserError: it cannot be done; the text is for the user.
          CancelledJob: `watch.cancelled` became true.
          JobTooLong: it was not done within `limits.job_seconds`.
          WorkerFailed: any other failure.
        """
        self.start()
        self._pipe.send(task)
        return self._result(self._limits.job_seconds, watch)

    def stop(self) -> None:
        """Kills the process; may be called from any thread, and again."""
        if self._process:
            self._process.kill()
            self._process.join()

    def _result(self, seconds: float, watch: Watch | None) -> Any:
        deadline, told = time.monotonic() + seconds, False
        while time.monotonic() < deadline:
            try:
                if watch and watch.cancelled and not told:
                    self._pipe.send(None)
                    told = True
                if not self._pipe.poll(POLL_SECONDS):
                    continue
                kind, value = self._pipe.recv()
            except (EOFError, OSError) as error:
                self.stop()
                raise WorkerFailed("the process ended") from error
            match kind:
                case "share":
                    if watch:
                        watch.share = value
                case "done":
                    return value
                case "refused":
                    raise UserError(value)
                case "cancelled":
                    raise CancelledJob
                case "failed":
                    raise WorkerFailed(value)
        self.stop()
        raise JobTooLong


def _work(pipe: Connection, limits: Limits, weights: tuple[str, ...]) -> None:
    """The process: tasks in, answers out, until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends this one too
    try:
        from cinegan_jax.web.pixels import Pixels

        pixels = Pixels(limits, weights)
    except Exception as error:
        pipe.send(_failure(error))
        return
    pipe.send(("done", pixels.hello()))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        if task is None:  # told to stop a job that had ended already
            continue
        try:
            pipe.send(("done", pixels.do(task, _Report(pipe))))
        except Exception as error:
            pipe.send(_failure(error))
        give_memory_back()


def _failure(error: Exception) -> tuple[str, str]:
    match error:
        case UserError():
            return "refused", str(error)
        case CancelledJob():
            return "cancelled", ""
    return "failed", "".join(traceback.format_exception(error))


class _Report:
    """Tells the server the share done, and ends the work where the server says so."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._told = pipe, 0.0

    def __call__(self, share: float) -> None:
        if self._pipe.poll():
            self._pipe.recv()
            raise CancelledJob
        if share >= self._told + REPORT_STEP:
            self._told = share
            self._pipe.send(("share", share))
