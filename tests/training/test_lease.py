"""One run at a time trains in a workdir."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import runs
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.os_processes import this_process
from cinegan_jax.core.storage import open_path
from cinegan_jax.training import lease as lease_module
from cinegan_jax.training.lease import LEASE_FILE, Lease
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training


@pytest.fixture(params=["disk", "bucket"])
def workdir(request: pytest.FixtureRequest, tmp_path: Path) -> epath.Path:
    if request.param == "disk":
        return epath.Path(tmp_path) / "run"
    request.getfixturevalue("bucket_environment")
    return open_path(f"gs://bucket/{request.node.originalname}")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become hundredths."""
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease_module, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(lease_module, "_POLL_SECONDS", 0.02)


def leave_lease(workdir: epath.Path, **facts: Any) -> None:
    """Write what a run leaves that was killed; by default one of another machine."""
    workdir.mkdir(parents=True, exist_ok=True)
    holder = {**dataclasses.asdict(this_process()), "host": "elsewhere", "token": "theirs", **facts}
    (workdir / LEASE_FILE).write_text(json.dumps(holder))


@pytest.fixture
def ended_process() -> Iterator[int]:
    """Number of a process that has ended and is not waited for: a zombie."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert process.pid
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


def test_a_second_run_is_refused_and_names_the_first(workdir: epath.Path) -> None:
    with Lease(workdir):
        facts = json.loads((workdir / LEASE_FILE).read_text())
        assert facts["pid"] == os.getpid()
        named = rf"process {os.getpid()} on {facts['host']} \(since .*\) trains in .*{LEASE_FILE}"
        with pytest.raises(UserError, match=named), Lease(workdir):
            pass
        assert json.loads((workdir / LEASE_FILE).read_text()) == facts
    assert not (workdir / LEASE_FILE).exists()
    with Lease(workdir):
        pass


def test_an_error_gives_the_lease_back(workdir: epath.Path) -> None:
    with pytest.raises(ValueError, match="of the run"), Lease(workdir):
        raise ValueError("of the run")
    assert not (workdir / LEASE_FILE).exists()


def test_a_process_that_has_ended_loses_it_at_once(workdir: epath.Path, ended_process: int) -> None:
    leave_lease(workdir, **dataclasses.asdict(this_process()) | {"pid": ended_process})
    with Lease(workdir) as lease:
        lease.require_held()
        assert json.loads((workdir / LEASE_FILE).read_text())["pid"] == os.getpid()


def test_a_number_that_another_process_has_got_does_not_hold_it(tmp_path: Path) -> None:
    workdir = epath.Path(tmp_path)
    leave_lease(workdir, **dataclasses.asdict(this_process()) | {"started": "1"})
    with Lease(workdir):
        pass


@pytest.mark.usefixtures("quick")
def test_a_silent_process_of_another_machine_loses_it(workdir: epath.Path) -> None:
    leave_lease(workdir)
    with Lease(workdir) as lease:
        lease.require_held()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("years", [-30, 0, 30])
def test_a_living_process_of_another_machine_keeps_it_whatever_its_clock_says(
    tmp_path: Path, years: int
) -> None:
    leave_lease(epath.Path(tmp_path))
    file, ended = tmp_path / LEASE_FILE, threading.Event()

    def refresh() -> None:
        moment = file.stat().st_mtime_ns + years * 365 * 86400 * 10**9
        while not ended.wait(0.05):
            moment -= 10**9  # a clock that is set back again and again
            os.utime(file, ns=(moment, moment))

    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        with pytest.raises(UserError, match=r"on elsewhere .* trains in"), Lease(tmp_path):
            pass
    finally:
        ended.set()
        thread.join()
    assert json.loads(file.read_text())["token"] == "theirs"


@pytest.mark.usefixtures("quick")
def test_a_run_refreshes_it_while_it_lives(workdir: epath.Path) -> None:
    with Lease(workdir):
        held = lease_module.open_claim(workdir / LEASE_FILE)
        versions: set[object] = set()
        deadline = time.monotonic() + 20
        while len(versions) < 3:
            assert time.monotonic() < deadline
            found = held.read()
            assert found is not None
            versions.add(found.version)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"host": "elsewhere"}'])
def test_a_damaged_lease_is_one_of_an_unknown_process(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LEASE_FILE).write_bytes(content)
    with Lease(epath.Path(tmp_path)):
        pass
    assert "an unknown process has" in capsys.readouterr().out


def test_a_lease_that_was_taken_over_ends_the_run_before_it_saves(workdir: epath.Path) -> None:
    with Lease(workdir) as lease:
        lease.require_held()
        leave_lease(workdir)
        with pytest.raises(UserError, match=r"on elsewhere .* has taken over"):
            lease.require_held()
    assert json.loads((workdir / LEASE_FILE).read_text())["token"] == "theirs"


def test_a_run_is_refused_while_another_process_trains(
    tmp_path: Path, small_pairs: dict[str, Any]
) -> None:
    workdir = tmp_path / "run"
    settings = {**runs.TOY, **small_pairs, "num_steps": 100_000, "checkpoint_every_steps": 5}
    first = runs.Started(workdir, settings)
    first.wait_for(lambda: bool(runs.saved_steps(workdir)))
    second = runs.Started(workdir, settings, log=tmp_path / "second.log")
    assert second.exit_code() == 2
    assert "trains in" in second.said.splitlines()[-1]
    assert not list((workdir / "checkpoints").glob("unfinished-*"))
    first.signal(signal.SIGTERM)
    assert first.exit_code() == 75
    assert not (workdir / LEASE_FILE).exists()


def test_a_run_that_lost_its_lease_does_not_save(
    tmp_path: Path, small_pairs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**runs.TOY, **small_pairs, "num_steps": 4}
    monkeypatch.setattr(
        "cinegan_jax.training.train.write_provenance",
        lambda workdir, *_: leave_lease(epath.Path(workdir)),
    )
    with pytest.raises(UserError, match="has taken over"):
        run_training(Run(runs.config_of(settings)), epath.Path(tmp_path / "run"))
    assert runs.saved_steps(tmp_path / "run") == []
