"""Photos made to exhaust time or memory, sent to a server with the limits of users."""

import concurrent.futures
import io
import time
from collections.abc import Iterator

import hostile
import httpx
import pytest
from PIL import Image
from serving import running, send

from cinegan_jax.inference.look import DEFAULT_LOOK
from cinegan_jax.web import server
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.worker import Worker

FILES = {
    "tall.png": hostile.png_bomb(1, 30_000_000),
    "wide.png": hostile.png_bomb(30_000_000, 1),
    "segments.jpg": hostile.jpeg_with_segments(60_000),
    "scans.jpg": hostile.jpeg_with_scans(600),
}
PHOTO = hostile.jpeg(60, 80)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "PREVIEW_SHAPES", ())  # no programs that no test needs
        limits = ServerLimits()
        with running(Worker(limits), limits) as started:
            assert send(started.client, PHOTO, look=DEFAULT_LOOK).status_code == 200
            yield started.client


@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_within_seconds_and_others_are_served(
    client: httpx.Client, name: str
) -> None:
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        bad = pool.submit(send, client, FILES[name], name, look=DEFAULT_LOOK)
        good = [pool.submit(send, client, PHOTO, look=DEFAULT_LOOK) for _ in range(3)]
        assert bad.result().status_code == 422
        assert bad.result().json()["error"].startswith(f"{name}: ")
        for answer in good:
            assert Image.open(io.BytesIO(answer.result().content)).size == (80, 60)
    assert time.monotonic() - started < 30
