"""The server in this process, on a real port, with a worker chosen by the test."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cinegan_jax.inference.look import Look
from cinegan_jax.web.http_server import DarkroomServer
from cinegan_jax.web.jobs import Answer, DevelopPhoto, JobState, LookSummary, WorkerInfo, WorkerTask
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.server import create_server
from cinegan_jax.web.worker import CancelledJob, Worker


@dataclass
class EchoWorker:
    """Worker that returns the photo unchanged; `before` runs first and may raise or wait.

    Attributes:
      done: the started tasks, in order.
    """

    before: Callable[[WorkerTask, JobState], None] = lambda task, watch: None
    done: list[WorkerTask] = field(default_factory=list)
    info: WorkerInfo = field(
        default_factory=lambda: WorkerInfo(
            (LookSummary("plain", "As it is."),), (".jpg",), (".cube",), ("jpeg", "png")
        )
    )

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def do(self, task: WorkerTask, watch: JobState) -> Answer:
        """Return the photo."""
        self.done.append(task)
        self.before(task, watch)
        if isinstance(task, DevelopPhoto):
            return Answer(task.photo, "image/jpeg", ".jpg")
        return Answer(b"lut", "text/plain", ".cube")

    def photos(self) -> list[bytes]:
        """Return the photos of the started tasks."""
        return [task.photo for task in self.done if isinstance(task, DevelopPhoto)]


class Gate:
    """Holds tasks until it is opened or they are cancelled."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self, task: WorkerTask, watch: JobState) -> None:
        if not isinstance(task, DevelopPhoto):
            return
        self.entered.release()
        while not self._open.wait(0.01):
            if watch.cancelled:
                raise CancelledJob

    def wait_for_task(self) -> None:
        """Wait until one more task has arrived."""
        assert self.entered.acquire(timeout=20)

    def wait(self, seconds: float) -> bool:
        """Wait until the gate is opened; return False after `seconds`."""
        return self._open.wait(seconds)

    def open(self) -> None:
        """Let all tasks pass from now on."""
        self._open.set()


@dataclass(frozen=True)
class Darkroom:
    """A running server with the real worker.

    Attributes:
      client: HTTP client of the server.
      worker: its worker.
      look: the look that the server offers as `small`; it changes colours at random.
      temporary: folder for the temporary files of the worker process.
    """

    client: httpx.Client
    worker: Worker
    look: Look
    temporary: Path


@dataclass(frozen=True)
class Running:
    """A server in a thread of this process, and a client for it."""

    server: DarkroomServer
    thread: threading.Thread
    client: httpx.Client

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return self.client.base_url.host, self.client.base_url.port or 0

    def stop(self) -> None:
        """Start to stop the server, as a signal does."""
        self.server.should_exit = True

    def join(self, seconds: float) -> None:
        """Wait until the server has ended."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"the server runs {seconds} seconds after its stop"


@contextlib.contextmanager
def running(worker: object, limits: ServerLimits) -> Iterator[Running]:
    """Run a server on a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=300) as listener:
        server = create_server(worker, limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            until(lambda: server.started or not thread.is_alive())
            with httpx.Client(base_url=address, timeout=60) as client:
                yield Running(server, thread, client)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def serving(worker: object, limits: ServerLimits) -> Iterator[httpx.Client]:
    """Run a server and yield a client for it."""
    with running(worker, limits) as server:
        yield server.client


def until(ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def send(
    client: httpx.Client, photo: bytes, name: str = "a.jpg", **fields: object
) -> httpx.Response:
    """Send a photo to /v1/apply."""
    return client.post(
        "/v1/apply", files={"photo": (name, photo)}, data={"look": "plain", **fields}
    )
