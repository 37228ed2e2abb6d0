"""Load test: fifty requests at once, with broken and malicious files, in several rounds."""

import io
import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import command
import hostile
import httpx
import pytest
from PIL import Image
from serving import until

from cinegan_jax.inference.look import DEFAULT_LOOK

AT_ONCE = 50
ROUNDS = 3
MOST_GROWTH = 40
GOOD = [hostile.jpeg(60, 80), hostile.jpeg(300, 400), hostile.jpeg(600, 800)]
BAD = [*hostile.FILES.values(), hostile.jpeg(1500, 2000)[:200_000], b"\xff\xd8\xff" * 1_000_000]


def one(client: httpx.Client, photo: bytes) -> tuple[int, bytes]:
    """Send a photo like the page: retry after the time that a busy server names."""
    form = {"look": DEFAULT_LOOK, "format": "jpeg"}
    for _ in range(100):
        answer = client.post("/v1/apply", files={"photo": ("a.jpg", photo)}, data=form)
        if answer.status_code != 429:
            return answer.status_code, answer.content
        time.sleep(float(answer.headers["Retry-After"]))
    raise AssertionError("never served")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_fifty_requests_at_once_are_served_with_steady_memory() -> None:
    photos = list(itertools.islice(itertools.cycle([*GOOD, *BAD]), AT_ONCE))
    limits = httpx.Limits(max_connections=AT_ONCE)
    with (
        command.started() as server,
        httpx.Client(base_url=server.address, limits=limits, timeout=300) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        memory = []
        until(lambda: client.get("/healthz").json()["waiting"] == 0, 300)  # compiling
        for _ in range(ROUNDS):
            answers = list(pool.map(lambda photo: one(client, photo), photos))
            memory.append(server.memory())
            print(f"resident after {AT_ONCE} requests: server, worker: {memory[-1]} MiB")
            for photo, (status, content) in zip(photos, answers, strict=True):
                assert status == (200 if photo in GOOD else 422), content[:200]
                if photo in GOOD:
                    size = Image.open(io.BytesIO(photo)).size
                    assert Image.open(io.BytesIO(content)).size == size
        assert sum(memory[-1]) - sum(memory[0]) < MOST_GROWTH  # MiB
        assert client.get("/healthz").json()["requests"] == 0
    assert server.process.returncode == 0
