"""The restart loop with a trainer that leaves with one code after another."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cinegan_jax.main import USER_ERROR_EXIT_CODE
from cinegan_jax.training.preemption import INTERRUPTED_EXIT_CODE, PREEMPTED_EXIT_CODE

HERE = Path(__file__).parent

# Leaves with the next line of $CLOUD/codes, and tells in $CLOUD/starts that it was started.
TRAINER = """
echo "$*" >>"$CLOUD/starts"
code=$(head -n 1 "$CLOUD/codes")
sed -i 1d "$CLOUD/codes"
exit "$code"
"""


class Worker:
    """A worker with a checkout whose Python is the stand-in."""

    def __init__(self, project: Path, environment: dict[str, str], cloud: Path) -> None:
        self.project, self.environment, self.cloud = project, environment, cloud
        self.run_folder = Path(environment["HOME"]) / "cinegan-run"

    def start(self, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", self.project / "launch/worker_train.sh", "--config=a", "--workdir=b"],
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            text=True,
        )

    def leave_with(self, *codes: int, **settings: str) -> int:
        """The loop's exit code when training leaves with these codes."""
        (self.cloud / "trainer").write_text(TRAINER)
        (self.cloud / "codes").write_text("".join(f"{code}\n" for code in codes))
        self.start(**settings).communicate(timeout=30)
        return int((self.run_folder / "exit_code").read_text())

    @property
    def starts(self) -> list[str]:
        return (self.cloud / "starts").read_text().splitlines()

    def state(self) -> str:
        command = ["bash", self.project / "launch/worker_state.sh"]
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


@pytest.fixture
def worker(tmp_path: Path, project: Path, tools: Path, cloud: Path) -> Worker:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(HERE / "fake_python.sh")
    (project / ".venv/installed").touch()
    environment = {"PATH": str(tools), "HOME": str(tmp_path), "CLOUD": str(cloud)}
    return Worker(project, environment | {"RESTART_SECONDS": "0"}, cloud)


@pytest.mark.parametrize("code", [0, USER_ERROR_EXIT_CODE, INTERRUPTED_EXIT_CODE])
def test_stops_when_starting_again_would_not_help(worker: Worker, code: int):
    assert worker.leave_with(code, 0) == code
    assert worker.starts == ["--config=a --workdir=b"]
    assert worker.state() == f"training: {code}"


def test_starts_again_after_every_preemption(worker: Worker):
    assert worker.leave_with(*[PREEMPTED_EXIT_CODE] * 6, 0) == 0
    assert len(worker.starts) == 7


def test_crashes_in_a_row_are_bounded(worker: Worker):
    assert worker.leave_with(1, 134, 75, 137, 0, MAX_CRASHES="3") == 137
    assert len(worker.starts) == 4


def test_long_training_ends_a_row_of_crashes(worker: Worker):
    codes = (1, 1, 1, 1, 0)
    assert worker.leave_with(*codes, MAX_CRASHES="2", ROW_ENDS_SECONDS="0") == 0
    assert len(worker.starts) == 5


def test_a_signal_lets_training_save_and_starts_it_no_more(worker: Worker):
    (worker.cloud / "trainer").write_text(
        "trap 'echo saved; exit 75' TERM; echo ready; while true; do sleep 0.01; done"
    )
    loop = worker.start()
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    assert worker.state() == "training: running"
    assert (worker.run_folder / "pid").read_text() == f"{loop.pid}\n"
    os.kill(loop.pid, signal.SIGTERM)
    rest, _ = loop.communicate(timeout=30)
    assert rest.startswith("saved\nTraining left with exit code 75")
    assert loop.returncode == 75
    assert worker.state() == "training: 75"


def test_a_killed_loop_is_seen_as_stopped(worker: Worker):
    (worker.cloud / "trainer").write_text("echo ready; exec sleep 60")
    loop = worker.start()
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    trainer = int(Path(f"/proc/{loop.pid}/task/{loop.pid}/children").read_text())
    os.kill(loop.pid, signal.SIGKILL)
    loop.wait()
    assert worker.state() == "training: running"  # its training still holds the chips
    os.kill(trainer, signal.SIGKILL)
    loop.communicate(timeout=30)  # until the trainer, which has the pipe too, is gone
    assert worker.state() == "training: stopped"


def test_without_an_installation_it_is_absent(worker: Worker):
    (worker.project / ".venv/installed").unlink()
    assert worker.state() == "training: absent"
