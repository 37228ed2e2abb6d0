"""Local web server with programmable misbehaviour that records its requests."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import numpy as np
from PIL import Image

from cinegan_jax.collect.politeness import Politeness

QUICK = Politeness(
    delay=0.0, attempts=4, back_off=0.01, patience=5.0, read_timeout=0.3, attempt_timeout=3.0
)
"""Settings with waits short enough for tests."""

_connect, _look_up = socket.socket.connect, socket.getaddrinfo
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def connect_to_loopback(self: socket.socket, address: object) -> None:
    """Replacement of `socket.connect` that refuses other machines."""
    if self.family != socket.AF_UNIX:
        assert address[0] in _LOOPBACK, f"a test would contact {address[0]}"
    _connect(self, address)


def look_up_loopback(host: str, *arguments: object, **options: object) -> list:
    """Replacement of `socket.getaddrinfo` that resolves local names only."""
    assert host in _LOOPBACK, f"a test would look up {host}"
    return _look_up(host, *arguments, **options)


class Request(NamedTuple):
    """A request."""

    path: str
    headers: Mapping[str, str]
    time: float


@dataclass
class Answer:
    """A response.

    Attributes:
      body: the whole body.
      status: HTTP status.
      headers: added to Content-Length, which is sent unless `length` is False.
      sent: number of bytes of the body after which the connection is closed; None for all.
      pause: seconds of silence before each part of the body except the first.
      parts: number of parts of the body.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: bool = True
    sent: int | None = None
    pause: float = 0.0
    parts: int = 2


Behaviour = Callable[[Request], Answer]


class Site:
    """Maps paths to behaviours; any other path, including robots.txt, is not found."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.address = ""
        self._left: int | None = None
        self._stuck = threading.Event()
        self._go_on = threading.Event()

    def __setitem__(self, path: str, answer: Answer | Behaviour | bytes) -> None:
        if isinstance(answer, bytes):
            answer = Answer(answer)
        self.behaviours[path] = answer if callable(answer) else lambda request: answer

    def url(self, path: str) -> str:
        return self.address + path

    def paths(self) -> list[str]:
        """Return the requested paths except robots.txt."""
        return [request.path for request in self.requests if request.path != "/robots.txt"]

    @contextlib.contextmanager
    def stuck_after(self, answers: int) -> Iterator[threading.Event]:
        """Hold all requests after `answers` responses; the event is set when one is held."""
        self._stuck.clear()
        self._go_on.clear()
        self._left = answers
        try:
            yield self._stuck
        finally:
            self._left = None
            self._go_on.set()

    def _hold(self) -> None:
        with self._lock:
            if self._left is None:
                return
            self._left -= 1
            held = self._left < 0
        if held:
            self._stuck.set()
            self._go_on.wait()

    def answer(self, request: Request) -> Answer:
        self._hold()
        self.requests.append(request)
        behaviour = self.behaviours.get(request.path.partition("?")[0])
        return behaviour(request) if behaviour else Answer(b"nothing", 404)

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        with self.site.counting(), contextlib.suppress(ConnectionError):
            request = Request(self.path, dict(self.headers), time.monotonic())
            self._send(self.site.answer(request))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.length:
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = answer.body[: answer.sent]
        length = -(-len(body) // answer.parts) or 1
        for start in range(0, len(body), length):
            if start and answer.pause:
                time.sleep(answer.pause)
            self.wfile.write(body[start : start + length])
        self.close_connection = answer.sent is not None or not answer.length

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args: object) -> None:
        """Ignore clients that hang up; tests do that on purpose."""


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def resumable(body: bytes, etag: str) -> Behaviour:
    """Return a behaviour that supports ranges and versions (RFC 9110, 14)."""

    def answer(request: Request) -> Answer:
        headers = {"ETag": etag, "Content-Type": "image/jpeg"}
        part = request.headers.get("Range")
        if part is None or request.headers.get("If-Range") != etag:
            return Answer(body, headers=headers)
        start = int(part.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            return Answer(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Answer(body[start:], 206, headers)

    return answer


def in_turn(*answers: Answer | Behaviour) -> Behaviour:
    """Return a behaviour that gives each answer once, in order, and repeats the last."""
    left = list(answers)
    lock = threading.Lock()

    def answer(request: Request) -> Answer:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        return now(request) if callable(now) else now

    return answer


def image_file(
    seed: int, size: tuple[int, int] = (24, 16), form: str = "jpeg", **options: object
) -> bytes:
    """Return an image file of smooth random colours."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
    file = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(file, form, **options)
    return file.getvalue()
