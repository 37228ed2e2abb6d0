"""The worker process, which decodes, develops and encodes photos for the server.

Untrusted files reach a dozen decoders. A file that makes a decoder hang, crash or fill the memory
affects only this process, which the server then kills and restarts.
"""

import multiprocessing
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import psutil

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import Answer, DevelopPhoto, JobState, WorkerInfo, WorkerTask
from cinegan_jax.web.limits import ServerLimits, return_free_memory

_POLL_SECONDS = 0.05
_START_SECONDS = 120.0
_REPORT_STEP = 0.01
"""Minimum increase of the completed fraction between two progress messages."""


class CancelledJob(Exception):
    """The job was cancelled because no client waits for its result."""


class JobTooLong(Exception):
    """The job exceeded its time limit and the process was killed."""


class TooMuchMemory(Exception):
    """The process exceeded its memory limit and was killed."""


class ProcessEnded(Exception):
    """The process ended by itself, as when a decoder crashes."""


class WorkerFailed(Exception):
    """The process raised an error that is not a UserError; the text is its traceback."""


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
        self._memory: psutil.Process
        self._pipe: Connection
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Process id; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process unless it is running, and wait until it is ready.

        Raises:
          UserError: a look cannot be used.
          ProcessEnded, TooMuchMemory, JobTooLong, WorkerFailed: the process did not start.
        """
        if self._process and self._process.is_alive():
            return
        if self._stopped:
            raise ProcessEnded
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._limits, self._weights)
        self._process = context.Process(target=_work, args=arguments, name="pixels", daemon=True)
        self._process.start()
        self._memory = psutil.Process(self._process.pid)
        theirs.close()
        self.info = self._receive("done", _START_SECONDS, None)

    def do(self, task: WorkerTask, state: JobState) -> Answer:
        """Run a task in the process and return its result.

        Raises:
          UserError: the task cannot be done; the text is for the user.
          CancelledJob: `state.cancelled` became True.
          JobTooLong: the task took longer than `limits.job_seconds`.
          TooMuchMemory: the task needed more than `limits.memory_bytes`.
          ProcessEnded, WorkerFailed: any other failure.
        """
        self.start()
        self._pipe.send(task)
        if isinstance(task, DevelopPhoto):
            self._wait_for_decoder(task, state)
        return self._receive("done", self._limits.job_seconds, state)

    def stop(self) -> None:
        """Kill the process for good. May be called from any thread and more than once."""
        self._stopped = True
        self._kill()

    def _kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.join()

    def _wait_for_decoder(self, task: DevelopPhoto, state: JobState) -> None:
        """Wait until the photo is decoded; what its decoder does wrong is the fault of the file."""
        seconds = self._limits.seconds_to_read(len(task.photo))
        try:
            self._receive("decoded", seconds, state)
        except JobTooLong:
            reason = f"decoding takes more than {seconds:.0f} seconds"
        except TooMuchMemory:
            reason = f"decoding needs more than {self._limits.memory_bytes / 2**30:g} GiB of memory"
        except ProcessEnded:
            reason = "the decoder crashed"
        else:
            return
        raise UserError(f"{task.name}: {reason}; the file is damaged, or made to do this")

    def _receive(self, wanted: str, seconds: float, state: JobState | None) -> Any:
        """Return the value of the next message of the wanted kind; raise what others report."""
        deadline, cancel_sent = time.monotonic() + seconds, False
        while time.monotonic() < deadline:
            try:
                if state and state.cancelled and not cancel_sent:
                    self._pipe.send(None)
                    cancel_sent = True
                if not self._pipe.poll(_POLL_SECONDS):
                    self._check_memory()
                    continue
                kind, value = self._pipe.recv()
            except (EOFError, OSError, psutil.NoSuchProcess) as error:
                self._kill()
                raise ProcessEnded from error
            if kind == wanted:
                return value
            match kind:
                case "share":
                    if state:
                        state.share = value
                case "refused":
                    raise UserError(value)
                case "cancelled":
                    raise CancelledJob
                case "failed":
                    raise WorkerFailed(value)
        self._kill()
        raise JobTooLong

    def _check_memory(self) -> None:
        if self._memory.memory_info().rss > self._limits.memory_bytes:
            self._kill()
            raise TooMuchMemory


def _work(pipe: Connection, limits: ServerLimits, weights: tuple[str, ...]) -> None:
    """Run in the process: read tasks and send results until the server closes the pipe."""
    for name in (signal.SIGINT, signal.SIGTERM):  # the server, which gets them too, stops this
        signal.signal(name, signal.SIG_IGN)
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
        case MemoryError():
            return "refused", "This machine has too little memory for the photo."
    return "failed", "".join(traceback.format_exception(error))


class _ProgressReporter:
    """Sends the completed fraction to the server; raises CancelledJob if the server asks for it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._reported = pipe, 0.0

    def decoded(self) -> None:
        """Report that the photo is decoded."""
        self._pipe.send(("decoded", None))
        self(0.0)

    def __call__(self, share: float) -> None:
        if self._pipe.poll():
            self._pipe.recv()
            raise CancelledJob
        if share >= self._reported + _REPORT_STEP:
            self._reported = share
            self._pipe.send(("share", share))
