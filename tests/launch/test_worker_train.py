"""The restart loop with a trainer that leaves with one code after another."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cinegan_jax.health.monitor import UNHEALTHY_EXIT_CODE
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
# Trains until it is told to stop, or for a minute, which no test waits for.
READY_TO_STOP = """
trap 'echo saved; exit 75' TERM
echo ready
while [ $SECONDS -lt 60 ]; do sleep 0.01; done
"""


class Worker:
    """A worker with a checkout whose Python is the stand-in."""

    def __init__(self, project: Path, environment: dict[str, str], cloud: Path) -> None:
        self.project, self.environment, self.cloud = project, environment, cloud
        self.run_folder = Path(environment["HOME"]) / "cinegan-run"

    def start(self, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", self.project / "launch/worker_train.sh", "--config=a"],
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

    def run(self, script: str) -> str:
        """What another of the worker's scripts prints."""
        command = ["bash", self.project / "launch" / script]
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip()

    def wait_for(self, condition: str) -> None:
        command = ["bash", "-c", f"until {condition}; do sleep 0.01; done"]
        subprocess.run(command, env=self.environment, check=True, timeout=30)


@pytest.fixture
def worker(tmp_path: Path, project: Path, tools: Path, cloud: Path) -> Worker:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(HERE / "fake_python.sh")
    (project / ".venv/installed").touch()
    environment = {"PATH": str(tools), "HOME": str(tmp_path), "CLOUD": str(cloud)}
    return Worker(project, environment | {"RESTART_SECONDS": "0"}, cloud)


@pytest.mark.parametrize(
    "code", [0, USER_ERROR_EXIT_CODE, UNHEALTHY_EXIT_CODE, INTERRUPTED_EXIT_CODE]
)
def test_stops_when_starting_again_would_not_help(worker: Worker, code: int):
    assert worker.leave_with(code, 0) == code
    assert worker.starts == [f"--config=a --workdir={worker.project}/run"]
    assert worker.run("worker_state.sh") == f"training: {code}"


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
    (worker.cloud / "trainer").write_text(READY_TO_STOP)
    loop = worker.start(RESTART_SECONDS="600")
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    os.kill(loop.pid, signal.SIGTERM)
    rest, _ = loop.communicate(timeout=30)
    assert rest.startswith("saved\nTraining left with exit code 75")
    assert loop.returncode == PREEMPTED_EXIT_CODE


def test_a_signal_between_two_starts_ends_the_pause(worker: Worker):
    (worker.cloud / "trainer").write_text(f"exit {PREEMPTED_EXIT_CODE}")
    loop = worker.start(RESTART_SECONDS="600")
    assert loop.stdout is not None
    assert loop.stdout.readline().startswith("Training left")
    os.kill(loop.pid, signal.SIGTERM)
    assert loop.communicate(timeout=30) == ("", None)
    assert loop.returncode == PREEMPTED_EXIT_CODE


def test_a_crash_while_told_to_leave_counts_as_a_preemption(worker: Worker):
    (worker.cloud / "trainer").write_text(READY_TO_STOP.replace("exit 75", "exit 134"))
    loop = worker.start()
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    os.kill(loop.pid, signal.SIGTERM)
    loop.communicate(timeout=30)
    assert loop.returncode == PREEMPTED_EXIT_CODE


def test_state_from_before_the_installation_to_the_end(worker: Worker):
    installed = worker.project / ".venv/installed"
    installed.unlink()
    assert worker.run("worker_state.sh") == "training: absent"
    installed.touch()
    assert worker.run("worker_state.sh") == "training: stopped"
    (worker.cloud / "trainer").write_text(READY_TO_STOP)
    worker.run("worker_start.sh")
    worker.wait_for("grep -q ready $HOME/cinegan-run/log")
    assert worker.run("worker_state.sh") == "training: running"
    assert worker.run("worker_start.sh").startswith("Training already runs on")
    os.kill(int((worker.run_folder / "pid").read_text()), signal.SIGTERM)
    worker.wait_for("flock --nonblock $HOME/cinegan-run/lock true")
    assert worker.run("worker_state.sh") == "training: 75"


def test_a_killed_loop_counts_as_running_until_its_training_is_gone(worker: Worker):
    (worker.cloud / "trainer").write_text('echo $$ >"$CLOUD/pid"; exec sleep 60')
    worker.run("worker_start.sh")
    worker.wait_for('[ -s "$CLOUD/pid" ]')
    os.kill(int((worker.run_folder / "pid").read_text()), signal.SIGKILL)
    assert worker.run("worker_state.sh") == "training: running"  # the chips are still held
    os.kill(int((worker.cloud / "pid").read_text()), signal.SIGKILL)
    worker.wait_for("flock --nonblock $HOME/cinegan-run/lock true")
    assert worker.run("worker_state.sh") == "training: stopped"
