"""The worker process, which decodes, develops and encodes photos for the server.

Untrusted files reach a dozen decoders. A file that makes a decoder hang or crash affects only this
process, which the server then kills and restarts.
"""

import multiprocessing
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import Answer, JobState, WorkerInfo, WorkerTask
from cinegan_jax.web.limits import ServerLimits, return_free_memory

_POLL_SECONDS = 0.05
_START_SECONDS = 120.0
_REPORT_STEP = 0.01
"""Minimum increase of the completed fraction between two progress messages."""


class CancelledJob(Exception):
    """The job was cancelled because no client waits for its result."""


class JobTooLong(Exception):
    """The job exceeded its time limit and the process was killed."""


class WorkerFailed(Exception):
    """The process ended by itself, or raised an error that is not a UserError."""


class Worker:
    """Handle of the worker process in the server. Only one thread at a time may use it.

    Attributes:
      info: what the process offers; empty before the first start.
    """

    def __init__(self, limits: ServerLimits, weights: tuple[str, ...] = ()) -> None:
        """Create the handle without starting the process.

        Args:
          limits: limits of the server.
          weights: look files and training workdirs to offer besides the installed looks.
        """
        self.info = WorkerInfo()
        self._limits, self._weights = limits, weights
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection

    @property
    def pid(self) -> int | None:
        """Process id; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process unless it is running, and wait until it is ready.

        Raises:
          UserError: a look cannot be used.
          WorkerFailed, JobTooLong: the process did not start.
        """
        if self._process and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._limits, self._weights)
        self._process = context.Process(target=_work, args=arguments, name="pixels", daemon=True)
        self._process.start()
        theirs.close()
        self.info = self._result(_START_SECONDS, None)

    def do(self, task: WorkerTask, state: JobState) -> Answer:
        """Run a task in the process and return its result.

        Raises:
          UserError: the task cannot be done; the text is for the user.
          CancelledJob: `state.cancelled` became True.
          JobTooLong: the task took longer than `limits.job_seconds`.
          WorkerFailed: any other failure.
        """
        self.start()
        self._pipe.send(task)
        return self._result(self._limits.job_seconds, state)

    def stop(self) -> None:
        """Kill the process. May be called from any thread and more than once."""
        if self._process:
            self._process.kill()
            self._process.join()

    def _result(self, seconds: float, state: JobState | None) -> Any:
        deadline, cancel_sent = time.monotonic() + seconds, False
        while time.monotonic() < deadline:
            try:
                if state and state.cancelled and not cancel_sent:
                    self._pipe.send(None)
                    cancel_sent = True
                if not self._pipe.poll(_POLL_SECONDS):
                    continue
                kind, value = self._pipe.recv()
            except (EOFError, OSError) as error:
                self.stop()
                raise WorkerFailed("the process ended") from error
            match kind:
                case "share":
                    if state:
                        state.share = value
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


def _work(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Run in the process: read tasks and send results until the server closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the server, which stops this too
    try:
        from cinegan_jax.web.task_runner import TaskRunner

        runner = TaskRunner(limits, weights)
    except Exception as error:
        pipe.send(_failure(error))
        return
    pipe.send(("done", runner.info()))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        if task is None:  # a cancellation that arrived after its job had ended
            continue
        try:
            pipe.send(("done", runner.do(task, _ProgressReporter(pipe))))
        except Exception as error:
            pipe.send(_failure(error))
        return_free_memory()


def _failure(error: Exception) -> tuple[str, str]:
    match error:
        case UserError():
            return "refused", str(error)
        case CancelledJob():
            return "cancelled", ""
    return "failed", "".join(traceback.format_exception(error))


class _ProgressReporter:
    """Sends the completed fraction to the server; raises CancelledJob if the server asks for it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._reported = pipe, 0.0

    def __call__(self, share: float) -> None:
        if self._pipe.poll():
            self._pipe.recv()
            raise CancelledJob
        if share >= self._reported + _REPORT_STEP:
            self._reported = share
            self._pipe.send(("share", share))
