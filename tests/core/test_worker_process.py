"""Results, errors, crashes and time limits of worker processes."""

import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import process_jobs
import pytest

from cinegan_jax.core.errors import UserError, is_disk_full
from cinegan_jax.core.worker_process import WorkerDied, WorkerProcess, WorkerTimedOut

SECONDS = 60.0


@pytest.fixture
def worker() -> Iterator[WorkerProcess[tuple[str, Any], Any]]:
    worker: WorkerProcess[tuple[str, Any], Any] = WorkerProcess(process_jobs.make)
    yield worker
    worker.stop()


def test_results_arrive_unchanged(
    worker: WorkerProcess[tuple[str, Any], Any], rng: np.random.Generator
) -> None:
    large = rng.integers(0, 65536, (700, 500, 3), np.uint16)
    sent = {"large": large, "turned": large.T, "empty": large[:0], "text": "é", "none": None}
    received = worker.do(("return", sent), SECONDS)
    assert received.keys() == sent.keys()
    for name in ("large", "turned", "empty"):
        np.testing.assert_array_equal(received[name], sent[name])
        assert received[name].dtype == np.uint16
    received["large"][0] = 0  # arrays of photos are written to
    assert (received["text"], received["none"]) == ("é", None)


def test_the_process_is_kept_between_jobs_and_imports_only_what_it_needs(
    worker: WorkerProcess[tuple[str, Any], Any],
) -> None:
    assert worker.pid is None
    assert worker.do(("pid", None), SECONDS) == worker.do(("pid", None), SECONDS) == worker.pid
    assert not {"jax", "numpy", "typer"} & set(worker.do(("modules", None), SECONDS))


def test_errors_of_a_job_are_raised_here(worker: WorkerProcess[tuple[str, Any], Any]) -> None:
    with pytest.raises(UserError, match="a is damaged"):
        worker.do(("refuse", "a is damaged"), SECONDS)
    with pytest.raises(OSError, match="No space left") as full:
        worker.do(("fail to write", errno.ENOSPC), SECONDS)
    assert is_disk_full(full.value)
    with pytest.raises(RuntimeError, match="Odd: first"):
        worker.do(("odd", None), SECONDS)
    assert worker.do(("return", 1), SECONDS) == 1


def test_a_worker_that_cannot_start_says_why() -> None:
    worker: WorkerProcess[tuple[str, Any], Any] = WorkerProcess(process_jobs.make_nothing)
    with pytest.raises(UserError, match="cannot start"):
        worker.do(("pid", None), SECONDS)
    worker.stop()


@pytest.mark.parametrize(("job", "end"), [(("abort", None), "SIGABRT"), (("exit", 3), "code 3")])
def test_a_crash_ends_one_job_only(
    worker: WorkerProcess[tuple[str, Any], Any],
    job: tuple[str, Any],
    end: str,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    first = worker.do(("pid", None), SECONDS)
    worker.do(("print", None), SECONDS)
    with pytest.raises(WorkerDied, match=end):
        worker.do(job, SECONDS)
    assert worker.do(("pid", None), SECONDS) not in (first, os.getpid())
    assert tuple(capfd.readouterr()) == ("", "")
    assert os.listdir(tmp_path) == []


def test_a_job_that_hangs_is_ended(worker: WorkerProcess[tuple[str, Any], Any]) -> None:
    process = worker.do(("pid", None), SECONDS)
    with pytest.raises(WorkerTimedOut, match="longer than 0 s"):
        worker.do(("hang", None), 0.05)
    assert not Path(f"/proc/{process}").exists()
    assert worker.do(("return", 1), SECONDS) == 1


def test_killing_ends_the_job_of_another_thread(
    worker: WorkerProcess[tuple[str, Any], Any], tmp_path: Path
) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(worker.do, ("open and hang", started), SECONDS)
        started.read_bytes()  # waits for the job to open the pipe
        worker.kill()
        with pytest.raises(WorkerDied, match="SIGKILL"):
            job.result()


def test_the_process_ends_with_its_parent() -> None:
    code = """
from cinegan_jax.core.worker_process import WorkerProcess
import process_jobs
worker = WorkerProcess(process_jobs.make)
print(worker.do(("pid", None), 60), flush=True)
worker.do(("hang", None), 600)
"""
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        assert parent.stdout is not None
        ended = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert select.select([ended], [], [], 30)[0]
        os.close(ended)
