"""The scripts of the single steps: create, install, train, logs, fetch, stop, delete."""

import subprocess
from pathlib import Path

import pytest
from launch_types import Git, Run

# Trains until SIGTERM, or for a minute, which no test waits for.
TRAINER = """
trap 'exit 75' TERM
echo "training $*"
while [ $SECONDS -lt 60 ]; do sleep 0.01; done
"""


@pytest.fixture
def machine(launch: Run, cloud: Path) -> Path:
    """Create a machine and return its home folder."""
    assert launch("tpu_create.sh").returncode == 0
    return cloud / "machine"


def wait_for(path: Path, text: str) -> None:
    subprocess.run(
        ["bash", "-c", f"until grep -qe '{text}' '{path}' 2>/dev/null; do sleep 0.01; done"],
        check=True,
        timeout=20,
    )


def test_create_waits_until_the_machine_is_ready(launch: Run, cloud: Path) -> None:
    done = launch("tpu_create.sh")
    assert done.returncode == 0
    states = [line.split()[-1] for line in done.stderr.splitlines()]
    assert states == ["WAITING_FOR_RESOURCES", "PROVISIONING", "READY"]


@pytest.mark.parametrize("state", ["FAILED", "SUSPENDED"])
def test_create_reports_a_request_that_gives_no_machine(
    launch: Run, cloud: Path, state: str
) -> None:
    (cloud / "after_create").write_text(f"WAITING_FOR_RESOURCES\n{state}\n")
    done = launch("tpu_create.sh")
    assert done.returncode == 1
    assert f"the request gave no machine; its state is {state}" in done.stderr


def test_install_copies_the_commit_without_uncommitted_changes(
    launch: Run, machine: Path, project: Path, git: Git
) -> None:
    (project / "configs/tpu_v3_8.py").write_text("changed = True\n")
    done = launch("tpu_install.sh")
    assert done.returncode == 0, done.stderr
    assert "warning: uncommitted changes" in done.stderr
    arrived = machine / "cinegan"
    assert (arrived / "configs/tpu_v3_8.py").read_text() == ""
    assert git(arrived, "rev-parse", "HEAD") == git(project, "rev-parse", "HEAD")
    assert "--editable .[tpu]" in (arrived / ".venv/pip").read_text()


def test_install_of_an_older_revision_and_then_of_a_newer_one(
    launch: Run, machine: Path, project: Path, git: Git
) -> None:
    first = git(project, "rev-parse", "HEAD")
    (project / "configs/tpu_v3_8.py").write_text("newer = True\n")
    git(project, "commit", "--quiet", "--all", "--message=Go on")
    for revision, content in ((first, ""), ("HEAD", "newer = True\n")):
        assert launch("tpu_install.sh", REVISION=revision).returncode == 0
        assert (machine / "cinegan/configs/tpu_v3_8.py").read_text() == content


def test_install_from_a_url(launch: Run, machine: Path, project: Path, git: Git) -> None:
    url = f"file://{project}"
    assert launch("tpu_install.sh", REPOSITORY=url).returncode == 0
    assert git(machine / "cinegan", "rev-parse", "HEAD") == git(project, "rev-parse", "HEAD")


def test_train_passes_flags_on_and_a_second_start_has_no_effect(
    launch: Run, machine: Path, cloud: Path
) -> None:
    (cloud / "trainer").write_text(TRAINER)
    assert launch("tpu_install.sh").returncode == 0
    log = machine / "cinegan-run/log"
    flag = "--config.data.path=two words"
    assert launch("tpu_train.sh", flag).returncode == 0
    wait_for(log, f"training --config=configs/tpu_v3_8.py {flag} --workdir=gs://bucket/look")
    assert "Training is already running on" in launch("tpu_train.sh").stdout
    assert log.read_text().count("training --config") == 1
    assert "training: running" in launch("tpu_stop.sh").stdout
    wait_for(machine / "cinegan-run/exit_code", "75")


def test_train_in_a_folder_of_the_machine(launch: Run, machine: Path, cloud: Path) -> None:
    (cloud / "trainer").write_text(TRAINER)
    assert launch("tpu_install.sh").returncode == 0
    assert launch("tpu_train.sh", WORKDIR="runs/a").returncode == 0
    wait_for(machine / "cinegan-run/log", f"--workdir={machine}/cinegan/runs/a$")
    assert launch("tpu_stop.sh").returncode == 0
    wait_for(machine / "cinegan-run/exit_code", "75")


def test_all_workers_of_a_slice_are_installed_and_trained_and_stopped(
    launch: Run, cloud: Path
) -> None:
    (cloud / "workers").write_text("3\n")
    (cloud / "trainer").write_text(TRAINER)
    for script in ("tpu_create.sh", "tpu_install.sh", "tpu_train.sh"):
        assert launch(script, ACCELERATOR_TYPE="v5litepod-24").returncode == 0
    homes = [cloud / name for name in ("machine", "machine-1", "machine-2")]
    for home in homes:
        wait_for(home / "cinegan-run/log", "--workdir=gs://bucket/look")
    assert launch("tpu_stop.sh").stdout.count("training: running") == 3
    for home in homes:
        wait_for(home / "cinegan-run/exit_code", "75")


def test_train_fails_if_nothing_is_installed(launch: Run, machine: Path) -> None:
    assert launch("tpu_train.sh").returncode != 0


def test_fetch_from_the_bucket_and_from_the_machine(
    launch: Run, machine: Path, cloud: Path, tmp_path: Path
) -> None:
    (cloud / "gs/bucket/look").mkdir()
    (cloud / "gs/bucket/look/metrics.jsonl").write_text("{}\n")
    assert launch("tpu_fetch.sh").returncode == 0
    assert (tmp_path / "runs/look/metrics.jsonl").read_text() == "{}\n"

    (machine / "cinegan/runs/a").mkdir(parents=True)
    (machine / "cinegan/runs/a/versions.json").write_text("[]\n")
    for number, workdir in enumerate(("runs/a", f"{machine}/cinegan/runs/a")):
        assert launch("tpu_fetch.sh", f"here{number}", WORKDIR=workdir).returncode == 0
        assert (tmp_path / f"here{number}/a/versions.json").read_text() == "[]\n"


def test_logs_follows_one_worker_or_all(launch: Run, machine: Path, cloud: Path) -> None:
    """Only the command is checked, since following a log never ends."""
    (cloud / "broken").write_text("compute tpus tpu-vm ssh\n" * 2)
    for worker in ("0", "all"):
        launch("tpu_logs.sh", *([] if worker == "0" else [worker]))
        call = (cloud / "calls").read_text().splitlines()[-1]
        assert f"--worker={worker} " in call
        assert "cinegan-run/log" in call


def test_delete_leaves_nothing_and_can_be_repeated(launch: Run, machine: Path, cloud: Path) -> None:
    assert launch("tpu_delete.sh").returncode == 0
    assert not (cloud / "state").exists()
    assert not machine.exists()
    again = launch("tpu_delete.sh")
    assert again.returncode == 0
    assert "There is no look in us-west4-a." in again.stdout
