"""Connections that stay idle, and the end of the server while clients wait."""

import concurrent.futures
import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from serving import EchoWorker, Gate, Running, running, send, until

from cinegan_jax.web.limits import ServerLimits

LIMITS = ServerLimits(file_bytes=3 * 2**20, requests=3, idle_seconds=0.5, stop_seconds=0.3)
HEAD = b"POST /v1/apply HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"


@contextlib.contextmanager
def connected(server: Running, number: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Open connections and send the same bytes over each."""
    with contextlib.ExitStack() as stack:
        peers = [
            stack.enter_context(socket.create_connection(server.address, timeout=20))
            for _ in range(number)
        ]
        for peer in peers:
            peer.sendall(first)
        yield peers


def closed(peer: socket.socket) -> bool:
    """Wait until the server closes a connection; return False if it answers."""
    try:
        return peer.recv(100) == b""
    except ConnectionResetError:
        return True


# Idle connections


@pytest.mark.parametrize("first", [b"", b"GET", HEAD])
def test_connections_without_a_whole_request_head_are_closed(first: bytes) -> None:
    with running(EchoWorker(), LIMITS) as server, connected(server, 200, first) as peers:
        assert server.client.get("/healthz").status_code == 200
        assert all(closed(peer) for peer in peers)


def test_a_head_that_arrives_byte_by_byte_is_cut(gate: Gate) -> None:
    with running(EchoWorker(), LIMITS) as server, connected(server, 1, HEAD) as [peer]:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 20:
                peer.sendall(b"X-Header: 1\r\n")
                gate.wait(0.02)
        assert time.monotonic() - started < 5


def test_a_second_request_on_a_connection_has_the_same_time() -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with running(EchoWorker(), LIMITS) as server, connected(server, 1, first + b"GET") as [peer]:
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := peer.recv(10_000):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"HTTP/1.1") == 1


def test_a_request_may_take_longer_than_a_connection_may_be_idle(gate: Gate) -> None:
    with (
        running(EchoWorker(gate), LIMITS) as server,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        answer = pool.submit(send, server.client, b"photo")
        gate.wait_for_task()
        with connected(server, 1, b"GET") as [idle]:
            assert closed(idle)  # more than the idle time has passed
        gate.open()
        assert answer.result().content == b"photo"


# Slow bodies


def test_a_steady_upload_may_take_long_and_a_slow_one_may_not() -> None:
    limits = dataclasses.replace(LIMITS, upload_seconds=0.3, upload_bytes_per_second=2000)
    form = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    length = b"Content-Length: 1000000\r\n\r\n"
    with running(EchoWorker(), limits) as server:
        for part, least, most in ((b"", 0.3, 3), (bytes(3000), 1.6, 6)):
            with connected(server, 1, HEAD + FORM + length + form + part) as [peer]:
                started = time.monotonic()
                assert peer.recv(100).startswith(b"HTTP/1.1 408")
                assert least < time.monotonic() - started < most


# The end of the server


def test_a_short_job_is_finished_and_waiting_ones_are_answered(gate: Gate) -> None:
    limits = dataclasses.replace(LIMITS, stop_seconds=30)
    with (
        running(EchoWorker(gate), limits) as server,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        job = pool.submit(send, server.client, b"photo")
        gate.wait_for_task()
        waiting = pool.submit(send, server.client, b"second")
        until(lambda: server.client.get("/healthz").json()["waiting"] == 1)
        server.stop()
        answer = waiting.result()
        assert (answer.status_code, "stopping" in answer.json()["error"]) == (503, True)
        gate.open()
        assert job.result().content == b"photo"
        server.join(10)


def test_a_long_job_is_cancelled(gate: Gate) -> None:
    worker = EchoWorker(gate)
    with running(worker, LIMITS) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        job = pool.submit(send, server.client, b"photo")
        gate.wait_for_task()
        server.stop()
        assert job.result().status_code == 503
        server.join(10)


@pytest.mark.parametrize(
    "first", [b"", HEAD, HEAD + FORM + b"Content-Length: 99\r\n\r\n", b"nonsense\r\n\r\n"]
)
def test_unfinished_requests_do_not_delay_the_end(first: bytes) -> None:
    limits = dataclasses.replace(LIMITS, idle_seconds=60)
    with running(EchoWorker(), limits) as server, connected(server, 20, first):
        assert server.client.get("/healthz").status_code == 200
        server.stop()
        server.join(5)


def test_a_client_that_does_not_read_does_not_delay_the_end() -> None:
    photo = bytes(LIMITS.file_bytes)
    request = httpx.Request(
        "POST", "http://127.0.0.1/v1/apply", files={"photo": photo}, data={"look": "plain"}
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    first = b"POST /v1/apply HTTP/1.1\r\n" + head.encode() + b"\r\n" + request.read()
    worker = EchoWorker()
    with running(worker, LIMITS) as server, connected(server, 1, first):
        until(lambda: len(worker.photos()) == 1)
        server.stop()
        server.join(5)


@pytest.fixture
def gate() -> Gate:
    return Gate()
