"""A process that does jobs for this one, and that may crash, hang or run out of memory.

The process is a fresh Python, which imports only what its jobs need. Jobs and results travel
through pipes as pickles; the buffers of arrays follow them without a copy.
"""

import contextlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_START = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from cinegan_jax.core.worker_process import do_jobs; do_jobs()"
)
_PIPE_BYTES = 2**20
_LENGTH = struct.Struct("!Q")

AnyJob = TypeVar("AnyJob")
AnyResult = TypeVar("AnyResult")


class WorkerDied(Exception):
    """The process ended during a job; the text says how."""


class WorkerTimedOut(Exception):
    """A job took longer than its limit, and the process was killed."""


class WorkerProcess(Generic[AnyJob, AnyResult]):
    """Handle of a process that does one job at a time.

    Only one thread at a time may use it, but any thread may call `kill`.
    """

    def __init__(self, make: Callable[[], Callable[[AnyJob], AnyResult]]) -> None:
        """Create the handle without starting the process.

        Args:
          make: a function or class of an importable module. The process calls it once; what it
            returns is called with each job.
        """
        self._make = make
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process unless it is running; returns before it is ready."""
        if self._process and self._process.poll() is None:
            return
        self.stop()
        command = [sys.executable, "-P", "-c", _START, *sys.path]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE_BYTES,
            process_group=0,  # Ctrl-C reaches this process alone, which ends the other
        )
        with contextlib.suppress(OSError):  # a process that has ended is noticed by `do`
            _send(self._pipes(self._process)[0], self._make)

    def do(self, job: AnyJob, seconds: float) -> AnyResult:
        """Do a job in the process, which is started if it is not running.

        Args:
          job: what the process's function is called with.
          seconds: the process is killed if the job takes longer.

        Raises:
          WorkerDied: the process ended.
          WorkerTimedOut: the job took too long.
          Exception: what the function raised in the process.
        """
        self.start()
        process = self._process
        assert process is not None
        jobs, results = self._pipes(process)
        with _time_limit(process, seconds) as timed_out:
            try:
                _send(jobs, job)
                succeeded, result = _receive(results)
            except (EOFError, OSError) as error:
                code = process.wait()
                if timed_out.is_set():
                    raise WorkerTimedOut(f"took longer than {seconds:.0f} s") from error
                raise WorkerDied(_how_it_ended(code)) from error
        if not succeeded:
            raise result
        return result

    def kill(self) -> None:
        """Kill the process; a job that it is doing raises WorkerDied."""
        if process := self._process:
            process.kill()

    def stop(self) -> None:
        """End the process and free its pipes. May be called more than once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in self._pipes(process):
            with contextlib.suppress(OSError):  # unsent bytes for a process that has ended
                pipe.close()

    @staticmethod
    def _pipes(process: "subprocess.Popen[bytes]") -> tuple[BinaryIO, BinaryIO]:
        assert process.stdin is not None
        assert process.stdout is not None
        return process.stdin, process.stdout  # type: ignore[return-value]


def do_jobs() -> None:
    """Run in the process: do jobs until the parent closes the pipe or ends."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _be_harmless()
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive_jobs, args=(jobs, received), daemon=True).start()
    work = None
    make = received.get()
    while True:
        job = received.get()
        try:
            work = work or make()
            answer = True, work(job)
        except Exception as error:
            answer = False, _portable(error)
        del job
        _send(results, answer)
        del answer


def _be_harmless() -> None:
    """Keep a crash of this process from the terminal, the disk and the memory of others."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # Linux: without memory, end this process before others
        Path("/proc/self/oom_score_adj").write_text("1000")


def _receive_jobs(jobs: BinaryIO, received: "queue.SimpleQueue[Any]") -> None:
    """Pass on jobs; end the process, even amid a job, once the parent has ended."""
    while True:
        try:
            received.put(_receive(jobs))
        except EOFError:
            os._exit(0)


def _portable(error: Exception) -> Exception:
    """Return the error itself if it survives pickling, or else a RuntimeError with its text."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())


@contextlib.contextmanager
def _time_limit(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[threading.Event]:
    """Kill a process after some seconds; the event says whether that has happened."""
    timed_out = threading.Event()

    def end() -> None:
        timed_out.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield timed_out
    finally:
        timer.cancel()
        timer.join()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name


def _send(file: BinaryIO, message: object) -> None:
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    file.write(_LENGTH.pack(len(parts)))
    for part in parts:
        file.write(_LENGTH.pack(part.nbytes))
        file.write(part)
    file.flush()


def _receive(file: BinaryIO) -> Any:
    (count,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
    parts = []
    for _ in range(count):
        (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
        parts.append(_exactly(file, length))
    return pickle.loads(parts[0], buffers=parts[1:])


def _exactly(file: BinaryIO, length: int) -> bytearray:
    """Read this number of bytes.

    Raises:
      EOFError: the file ends before.
    """
    content = bytearray(length)
    left = memoryview(content)
    while left:
        read = file.readinto(left)  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        left = left[read:]
    return content
