"""Access rules, limits and error responses of the server, with a worker that echoes."""

import concurrent.futures
import contextlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from urllib.parse import quote

import httpx
import pytest
from serving import EchoWorker, Gate, send, serving, until

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import JobState, MakeLut, WorkerTask
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.routes import PAGE_FILES
from cinegan_jax.web.worker import JobTooLong, WorkerFailed

LIMITS = ServerLimits(file_bytes=3 * 2**20, look_bytes=100_000, requests=3, upload_seconds=1.0)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(EchoWorker(), LIMITS) as client:
        yield client


def said(response: httpx.Response) -> str:
    """Return the message of an error response."""
    assert list(response.json()) == ["error"]
    return response.json()["error"]


# Routes


def test_the_result_has_the_name_of_the_photo_and_the_look(client: httpx.Client) -> None:
    answer = send(client, b"photo", "IMG_1.JPG")
    assert (answer.status_code, answer.content) == (200, b"photo")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert 'filename="IMG_1-plain.jpg"' in answer.headers["content-disposition"]


def test_a_file_name_cannot_break_the_header(client: httpx.Client) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="look"\r\n\r\nplain\r\n--x\r\nContent-'
        b'Disposition: form-data; name="photo"; filename="../a\tb\xf0\x9f\x93\xb7.jpg"\r\n\r\n'
        b"photo\r\n--x--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    header = client.post("/v1/apply", content=form, headers=kind).headers["content-disposition"]
    name = quote("ab\U0001f4f7-plain.jpg")
    assert header == f"attachment; filename=\"ab_-plain.jpg\"; filename*=UTF-8''{name}"


def test_health_looks_and_limits(client: httpx.Client) -> None:
    quiet = {"status": "ok", "requests": 0, "waiting": 0}
    until(lambda: client.get("/healthz").json() == quiet)
    looks = client.get("/v1/looks").json()
    assert looks == [
        {
            "name": "plain",
            "description": "As it is.",
            "monochrome": False,
            "halation": 0,
            "bloom": 0,
        }
    ]
    assert client.get("/v1/limits").json() == {
        **asdict(LIMITS),
        "suffixes": [".jpg"],
        "look_suffixes": [".cube"],
    }


def test_a_lut_of_each_size() -> None:
    worker = EchoWorker()
    with serving(worker, LIMITS) as client:
        for size in (17, 33, 65):
            lut = client.get("/v1/lut", params={"look": "plain", "size": size})
            assert lut.content == b"lut"
            assert 'filename="plain.cube"' in lut.headers["content-disposition"]
    assert [task for task in worker.done if isinstance(task, MakeLut)] == [
        MakeLut("plain", 17, "cube"),
        MakeLut("plain", 33, "cube"),
        MakeLut("plain", 65, "cube"),
    ]


def test_the_pages_and_their_files_are_served(client: httpx.Client) -> None:
    for page in ("/", "/docs"):
        text = client.get(page).text
        named = re.findall(r'(?:src|href)="((?!#)[^"]+)"', text)
        assert named
        for address in named:
            assert client.get(f"/{address}").status_code == 200, address
    files = [path for path in PAGE_FILES.iterdir() if path.suffix in (".html", ".js", ".css")]
    addresses = [a for path in files for a in re.findall(r"https?://[^\"' )]+", path.read_text())]
    assert addresses == []  # no external files: works offline


def test_openapi_lists_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    wanted = {
        "/v1/apply",
        "/v1/lut",
        "/v1/looks",
        "/v1/limits",
        "/v1/progress/{ticket}",
        "/healthz",
    }
    assert set(paths) == wanted


# Access


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example:8765"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_sites_are_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/v1/apply", files={"photo": b""}, data={"look": "plain"}, headers=headers)
    assert answer.status_code == 403
    assert "only to its own page" in said(answer)


def test_its_own_page_is_accepted(client: httpx.Client) -> None:
    own = {"Origin": str(client.base_url), "Sec-Fetch-Site": "same-origin"}
    answer = client.post("/v1/apply", files={"photo": b"p"}, data={"look": "plain"}, headers=own)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/looks", "/nowhere", "/static/app.js"])
def test_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


# Limits


def test_a_body_may_have_the_maximum_size_and_no_more(client: httpx.Client) -> None:
    fits = bytes(LIMITS.file_bytes)
    assert send(client, fits).content == fits
    answer = send(client, bytes(LIMITS.file_bytes + 1))
    assert (answer.status_code, said(answer)) == (
        413,
        "The file is larger than 3 MiB (3145728 bytes).",
    )


def test_a_chunked_body_is_counted_as_it_arrives(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        until_late = time.monotonic() + 20
        while time.monotonic() < until_late:
            yield bytes(100_000)
        pytest.fail("the server took it all")

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with contextlib.suppress(
        httpx.TransportError
    ):  # the server disconnects a client that never ends
        assert client.post("/v1/apply", content=endless(), headers=kind).status_code == 413
    until(lambda: client.get("/healthz").json()["requests"] == 0)


@pytest.mark.parametrize(("declared", "status"), [(10**12, 413), (1000, 408)])
def test_a_false_content_length_is_refused(
    client: httpx.Client, declared: int, status: int
) -> None:
    """Too large a length is refused at once; one that is never reached times out."""
    head = (
        f"POST /v1/apply HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {declared}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as peer:
        peer.sendall(head.encode())
        peer.settimeout(20)
        assert peer.recv(1000).startswith(f"HTTP/1.1 {status}".encode())
    until(lambda: client.get("/healthz").json()["requests"] == 0)


def test_requests_without_a_slot_are_refused() -> None:
    gate = Gate()
    with (
        serving(EchoWorker(gate), LIMITS) as client,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        taken = [pool.submit(send, client, b"photo") for _ in range(LIMITS.requests)]
        until(lambda: client.get("/healthz").json()["requests"] == LIMITS.requests)
        answer = send(client, bytes(2_000_000))
        assert (answer.status_code, int(answer.headers["retry-after"])) == (429, 3)
        assert "busy" in said(answer)
        gate.open()
        assert [future.result().status_code for future in taken] == [200] * LIMITS.requests
        assert send(client, b"photo").status_code == 200


def test_progress_is_found_by_its_ticket() -> None:
    gate = Gate()

    def work(task: WorkerTask, watch: JobState) -> None:
        watch.share = 0.25
        gate(task, watch)

    with (
        serving(EchoWorker(work), LIMITS) as client,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(send, client, b"1", ticket="first-photo")
        gate.wait_for_task()
        second = pool.submit(send, client, b"2", ticket="second-photo")
        until(lambda: client.get("/v1/progress/second-photo").json()["state"] == "waiting")
        assert client.get("/v1/progress/first-photo").json() == {
            "state": "developing",
            "ahead": 0,
            "share": 0.25,
        }
        gate.open()
        assert first.result().status_code == second.result().status_code == 200
        assert client.get("/v1/progress/first-photo").json()["state"] == "unknown"


def test_a_job_ends_when_its_client_disconnects() -> None:
    gate = Gate()
    with serving(EchoWorker(gate), LIMITS) as client:
        client.timeout = httpx.Timeout(60, read=0.3)
        with pytest.raises(httpx.ReadTimeout):
            send(client, b"photo")
        client.timeout = httpx.Timeout(60)
        until(lambda: client.get("/healthz").json()["requests"] == 0)
        gate.open()
        assert send(client, b"photo").status_code == 200


def test_uploads_stay_in_memory(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_over = []
    spooled = tempfile.SpooledTemporaryFile
    monkeypatch.setattr(spooled, "rollover", lambda file: rolled_over.append(file))
    for photo in (b"small", os.urandom(2_500_000), bytes(LIMITS.file_bytes + 1)):
        send(client, photo)
    assert rolled_over == []
    with tempfile.SpooledTemporaryFile(max_size=1) as own:
        own.write(b"more")
        assert rolled_over == [own]


# Errors


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"strength": "nan"}, "strength"),
        ({"strength": "1.6"}, "strength: input should be less than or equal to 1.5"),
        ({"strength": "-1"}, "strength"),
        ({"strength": "much"}, "strength"),
        ({"grain": "inf"}, "grain"),
        ({"method": "magic"}, "method"),
        ({"quality": "0"}, "quality"),
        ({"max_side": "0"}, "max_side"),
        ({"ticket": "../x"}, "ticket"),
    ],
)
def test_wrong_fields_are_named(client: httpx.Client, fields: dict[str, str], named: str) -> None:
    answer = send(client, b"photo", **fields)
    assert answer.status_code == 422
    assert named in said(answer)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"photo": "x"}}, 415),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        ({"data": {"look": "plain"}, "files": {"look_file": b"x"}}, 422),
        ({"data": {"look": "plain"}, "files": {"photo": b"x", "look_file": b"x"}}, 422),
        ({"files": {"photo": b"x", "second": b"x"}, "data": {"look": "plain"}}, 422),
        ({"files": {"photo": b"x"}, "data": {str(n): "" for n in range(30)}}, 400),
        ({"files": {"photo": b"x"}, "data": {"look": "x" * 2000}}, 400),
        ({"files": {"other": b"x"}, "data": {"look": "plain", "photo": "text"}}, 422),
    ],
)
def test_other_forms_are_refused(client: httpx.Client, request_: dict, status: int) -> None:
    answer = client.post("/v1/apply", **request_)
    assert answer.status_code == status
    assert said(answer)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("a.jpg: damaged"), 422, "a.jpg: damaged"),
        (JobTooLong(), 504, "more than 300 seconds"),
        (WorkerFailed("Traceback: secret"), 500, "its log has the details"),
        (RuntimeError("secret"), 500, "its log has the details"),
    ],
)
def test_error_messages_contain_no_internals(error: Exception, status: int, words: str) -> None:
    def fail(task: WorkerTask, watch: JobState) -> None:
        raise error

    with serving(EchoWorker(fail), LIMITS) as client:
        answer = send(client, b"photo")
        assert answer.status_code == status
        assert words in said(answer)
        assert "secret" not in answer.text
        assert "nosniff" in answer.headers["x-content-type-options"]
        assert httpx.get(f"{client.base_url}/healthz").status_code == 200


def test_unknown_addresses_and_methods_give_json_errors(client: httpx.Client) -> None:
    assert client.get("/v2").status_code == 404
    assert said(client.get("/v2"))
    assert client.get("/v1/apply").status_code == 405
    assert client.get("/static/../limits.py").status_code == 404
    assert client.get("/static/%2e%2e/limits.py").status_code == 404
    assert said(client.get("/v1/lut", params={"look": "plain", "size": 12}))


def test_the_first_look_is_the_default_one(client: httpx.Client) -> None:
    answer = client.post("/v1/apply", files={"photo": ("a.jpg", b"x")})
    assert "a-plain.jpg" in answer.headers["content-disposition"]


def test_look_files_have_a_limit_of_their_own(client: httpx.Client) -> None:
    for size, status in ((LIMITS.look_bytes, 200), (LIMITS.look_bytes + 1, 413)):
        files = {"photo": ("a.jpg", b"x"), "look_file": ("my.cube", bytes(size))}
        answer = client.post("/v1/apply", files=files)
        assert answer.status_code == status
    assert said(answer).startswith("The look file is larger than")
