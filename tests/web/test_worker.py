"""The worker process as the server sees it: time limits, crashes and failures to start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import processes
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import DevelopPhoto
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.worker import JobTooLong, Worker, WorkerFailed

TASK = DevelopPhoto(b"photo", "a.jpg", "plain")


class Follower:
    """State of a job."""

    share = 0.0
    cancelled = False


@contextmanager
def started(process: object, patch: pytest.MonkeyPatch) -> Iterator[Worker]:
    patch.setattr("cinegan_jax.web.worker._work", process)
    worker = Worker(ServerLimits(job_seconds=1.0))
    try:
        yield worker
    finally:
        worker.stop()


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_job_and_its_process_end_at_the_time_limit(
    monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    follower = Follower()
    follower.cancelled = cancelled
    with started(processes.stuck, monkeypatch) as worker:
        worker.start()
        process = worker.pid
        with pytest.raises(JobTooLong):
            worker.do(TASK, follower)
        assert follower.share == 0.5
        assert not Path(f"/proc/{process}").exists()


def test_a_process_that_dies_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    with started(processes.dying, monkeypatch) as worker:
        assert worker.do(TASK, Follower()).content == b"photo"
        process = worker.pid
        with pytest.raises(WorkerFailed, match="ended"):
            worker.do(DevelopPhoto(b"", "a.jpg", "plain"), Follower())
        assert worker.do(TASK, Follower()).content == b"photo"
        assert worker.pid != process


def test_a_look_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        started(processes.refusing, monkeypatch) as worker,
        pytest.raises(UserError, match="damaged"),
    ):
        worker.start()
