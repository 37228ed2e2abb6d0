"""Who the processes of a run are, what is wrong with the flags, and who does not answer."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.training.multihost import Cluster, fail, find_cluster, join

SLURM = {
    "SLURM_JOB_ID": "4096",
    "SLURM_STEP_NODELIST": "node[001-002]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
}


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the second of two tasks."""
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where something else listens."""
    with socket.create_server(("", 0)) as server:
        yield f"localhost:{server.getsockname()[1]}"


def test_one_host_trains_alone() -> None:
    assert find_cluster(None, None, None, 1) is None
    join(None, 1, 1, True)
    assert not jax.distributed.is_initialized()


def test_flags_name_a_cluster() -> None:
    assert find_cluster("host:1234", 4, 3, 1) == Cluster("host:1234", 4, 3)


def test_a_cluster_that_jax_knows_is_found(slurm: None) -> None:
    assert find_cluster(None, None, None, 1) == Cluster("node001:61440", 2, 1, [0])


def test_a_coordinator_in_the_environment_is_taken(
    slurm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "head:99")
    assert find_cluster(None, None, None, 1) == Cluster("head:99", 2, 1, [0])


def test_flags_go_before_the_cluster_around(slurm: None) -> None:
    assert find_cluster("host:1234", 2, 0, 1) == Cluster("host:1234", 2, 0)
    assert find_cluster(None, 1, None, 1) is None


def test_a_cluster_of_one_process_is_none(slurm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert find_cluster(None, None, None, 1) is None


def test_a_cluster_that_cannot_be_asked_says_what_to_give(
    slurm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2(x3)")
    with pytest.raises(UserError, match=r"2\(x3\).*--num_processes=1"):
        find_cluster(None, None, None, 1)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("host:1", None, None), "--num_processes and --process_id must be given too"),
        ((None, 2, 0), "--coordinator_address must be given too"),
        (("host:1", 2, 2), "--process_id=2 must be 0 to 1"),
        (("host:1", 2, -1), "--process_id=-1 must be 0 to 1"),
        (("host:1", 0, 0), "--num_processes=0 must be 1 or more"),
        (("host", 2, 0), "--coordinator_address=host must be HOST:PORT"),
        ((":8000", 2, 0), "--coordinator_address=:8000 must be HOST:PORT"),
    ],
)
def test_wrong_flags_are_named(flags: tuple[str, int, int], says: str) -> None:
    with pytest.raises(UserError, match=says):
        find_cluster(*flags, 1)


@pytest.mark.parametrize("host", ["localhost", "no-such-host.invalid"])
def test_a_coordinator_that_does_not_answer_is_named(host: str) -> None:
    address = f"{host}:{runs.free_address().split(':')[1]}"
    with pytest.raises(UserError, match=rf"{address} did not answer within 0 s .*process 0 runs"):
        join(Cluster(address, 2, 1), 0, 10, True)
    assert not jax.distributed.is_initialized()


def test_a_port_that_is_taken_is_named(taken: str) -> None:
    with pytest.raises(UserError, match=rf"port {taken.split(':')[1]} .*in use.*another port"):
        join(Cluster(taken, 2, 0), 1, 10, True)


def test_the_entry_point_says_so_with_the_code_of_a_crash(tmp_path: Path) -> None:
    address = runs.free_address()
    flags = [f"--coordinator_address={address}", "--num_processes=2", "--process_id=1"]
    started = runs.Started(
        tmp_path / "run", runs.TOY, flags=[*flags, "--initialization_timeout_seconds=0"]
    )
    assert started.exit_code() == 1  # 2 would end a supervisor that may start it again
    assert f"error: the coordinator {address} did not answer within 0 s" in started.said
    assert not (tmp_path / "run").exists()


def test_an_error_has_its_code_and_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(UserError("no such file")) == 2
    assert capsys.readouterr().err == "error: no such file\n"
    assert fail(RuntimeError("a bug")) == 1
    assert "RuntimeError: a bug" in capsys.readouterr().err


FAIL_ALONE = """
import sys
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.processes import on_first_process
from cinegan_jax.training import multihost
multihost.ALL_FAILED_SECONDS = 1
multihost.join(multihost.Cluster(sys.argv[1], 2, int(sys.argv[2])), 60, 10, False)
if sys.argv[2] == sys.argv[3]:
    multihost.fail(UserError("mine alone"))
on_first_process(sys.stdin.read)  # for ever
"""


@pytest.mark.parametrize("failing", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_process_that_fails_alone_leaves_with_its_code_and_ends_the_other(
    coordinator: str, failing: int
) -> None:
    command = [sys.executable, "-c", FAIL_ALONE, coordinator]
    environment = {**os.environ, "XLA_FLAGS": ""}
    hosts = [
        subprocess.Popen(
            [*command, str(number), str(failing)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(2)
    ]
    codes = [host.wait(timeout=60) for host in hosts]
    errors = [host.communicate()[1] for host in hosts]
    assert codes[failing] == 2
    assert "error: mine alone\nerror: this process failed and exits" in errors[failing]
    assert codes[1 - failing] == -6
    assert "another task died" in errors[1 - failing]
