"""The end of `cinegan serve` by signals, also while it develops a photo."""

import concurrent.futures
import contextlib
import signal
import time

import command
import hostile
import httpx
import pytest
from serving import until

from cinegan_jax.inference.look import DEFAULT_LOOK


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 2 + [signal.SIGTERM] * 3])
def test_signals_end_a_busy_server_within_seconds(signals: list[signal.Signals]) -> None:
    """The client of the job, which would take minutes, is answered or disconnected."""
    form = {"look": DEFAULT_LOOK, "method": "tiles"}
    photo = {"photo": ("a.jpg", hostile.jpeg(2000, 3000))}
    with command.started() as server, concurrent.futures.ThreadPoolExecutor() as pool:
        address, process = server.address, server.process
        job = pool.submit(httpx.post, f"{address}/v1/apply", files=photo, data=form, timeout=60)
        until(lambda: httpx.get(f"{address}/healthz").json()["requests"] == 1)
        started = time.monotonic()
        for number in signals:
            process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - started < 8
        with contextlib.suppress(httpx.TransportError):
            assert job.result().status_code == 503
