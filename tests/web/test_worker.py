"""The worker process as the server sees it: time limits, crashes and failures to start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import processes
import psutil
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.web.jobs import DevelopPhoto, WarmUp
from cinegan_jax.web.limits import ServerLimits
from cinegan_jax.web.worker import JobTooLong, ProcessEnded, TooMuchMemory, Worker

LIMITS = ServerLimits(job_seconds=1.0, read_seconds=1.0, memory_bytes=2**28)
TASK = DevelopPhoto(b"photo", "a.jpg", "plain")


class Follower:
    """State of a job."""

    share = 0.0
    cancelled = False


@contextmanager
def started(process: object, patch: pytest.MonkeyPatch) -> Iterator[Worker]:
    patch.setattr("cinegan_jax.web.worker._work", process)
    worker = Worker(LIMITS)
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
        with pytest.raises(UserError, match=r"a\.jpg: the decoder crashed"):
            worker.do(DevelopPhoto(b"", "a.jpg", "plain"), Follower())
        with pytest.raises(ProcessEnded):
            worker.do(WarmUp("plain", 1, 1), Follower())
        assert worker.do(TASK, Follower()).content == b"photo"
        assert worker.pid != process


def test_a_decoder_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        started(processes.endless, monkeypatch) as worker,
        pytest.raises(UserError, match=r"a\.jpg: decoding takes more than 1 seconds"),
    ):
        worker.do(TASK, Follower())


@pytest.mark.parametrize(
    ("process", "error", "words"),
    [
        (processes.greedy_decoder, UserError, r"a\.jpg: decoding needs more than 0\.25 GiB"),
        (processes.greedy, TooMuchMemory, ""),
    ],
)
def test_a_process_that_fills_the_memory_is_stopped(
    monkeypatch: pytest.MonkeyPatch, process: object, error: type[Exception], words: str
) -> None:
    with started(process, monkeypatch) as worker:
        worker.start()
        number = worker.pid
        with pytest.raises(error, match=words or None):
            worker.do(TASK, Follower())
        assert not psutil.pid_exists(number)


def test_a_stopped_worker_does_not_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with started(processes.dying, monkeypatch) as worker:
        worker.start()
        worker.stop()
        with pytest.raises(ProcessEnded):
            worker.do(TASK, Follower())


@pytest.mark.parametrize(("size", "seconds"), [(0, 10), (50, 20), (100, 30)])
def test_larger_files_have_more_time_to_be_read(size: int, seconds: float) -> None:
    assert ServerLimits(file_bytes=100, read_seconds=10).seconds_to_read(size) == seconds


def test_a_look_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        started(processes.refusing, monkeypatch) as worker,
        pytest.raises(UserError, match="damaged"),
    ):
        worker.start()
