"""The restart loop of worker_train.sh, with fake trainers that exit with given codes."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cinegan_jax.checkpointing.checkpoints import LastSaveFailed
from cinegan_jax.core.errors import USER_ERROR_EXIT_CODE
from cinegan_jax.health.monitor import UNHEALTHY_EXIT_CODE
from cinegan_jax.training.preemption import INTERRUPTED_EXIT_CODE, PREEMPTED_EXIT_CODE

HERE = Path(__file__).parent
LAST_SAVE_FAILED_EXIT_CODE = LastSaveFailed.exit_code

# Records its start in $CLOUD/starts and exits with the next line of $CLOUD/codes.
TRAINER = """
echo "$*" >>"$CLOUD/starts"
code=$(head -n 1 "$CLOUD/codes")
sed -i 1d "$CLOUD/codes"
exit "$code"
"""
# Trains until SIGTERM, or for a minute, which no test waits for.
READY_TO_STOP = """
trap 'echo saved; exit 75' TERM
echo ready
while [ $SECONDS -lt 60 ]; do sleep 0.01; done
"""


class Worker:
    """A worker with a checkout whose Python is fake_python.sh."""

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

    def exit_with(self, *codes: int, **settings: str) -> int:
        """Run the loop with a trainer that exits with these codes; return the loop's own code."""
        (self.cloud / "trainer").write_text(TRAINER)
        (self.cloud / "codes").write_text("".join(f"{code}\n" for code in codes))
        self.start(**settings).communicate(timeout=30)
        return int((self.run_folder / "exit_code").read_text())

    @property
    def starts(self) -> list[str]:
        return (self.cloud / "starts").read_text().splitlines()

    def run(self, script: str) -> str:
        """Return the output of another script of the worker."""
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


NOT_INSTALLED = [126, 127]  # the shell's codes for a program that is not executable or missing


@pytest.mark.parametrize(
    "code",
    [
        0,
        USER_ERROR_EXIT_CODE,
        UNHEALTHY_EXIT_CODE,
        LAST_SAVE_FAILED_EXIT_CODE,
        INTERRUPTED_EXIT_CODE,
        *NOT_INSTALLED,
    ],
)
def test_the_loop_stops_if_a_restart_cannot_help(worker: Worker, code: int) -> None:
    assert worker.exit_with(code, 0) == code
    assert worker.starts == [f"--config=a --workdir={worker.project}/run"]
    assert worker.run("worker_state.sh") == f"training: {code}"


def test_every_preemption_is_followed_by_a_restart(worker: Worker) -> None:
    assert worker.exit_with(*[PREEMPTED_EXIT_CODE] * 6, 0) == 0
    assert len(worker.starts) == 7


def test_crashes_in_a_row_are_bounded(worker: Worker) -> None:
    assert worker.exit_with(1, 134, 75, 137, 0, MAX_CRASHES="3") == 137
    assert len(worker.starts) == 4


def test_a_long_attempt_ends_a_row_of_crashes(worker: Worker) -> None:
    codes = (1, 1, 1, 1, 0)
    assert worker.exit_with(*codes, MAX_CRASHES="2", ROW_ENDS_SECONDS="0") == 0
    assert len(worker.starts) == 5


def test_sigterm_lets_training_save_and_ends_the_loop(worker: Worker) -> None:
    (worker.cloud / "trainer").write_text(READY_TO_STOP)
    loop = worker.start(RESTART_SECONDS="600")
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    os.kill(loop.pid, signal.SIGTERM)
    rest, _ = loop.communicate(timeout=30)
    assert rest.startswith("saved\nTraining exited with code 75")
    assert loop.returncode == PREEMPTED_EXIT_CODE


def test_sigterm_between_two_attempts_ends_the_pause(worker: Worker) -> None:
    (worker.cloud / "trainer").write_text(f"exit {PREEMPTED_EXIT_CODE}")
    loop = worker.start(RESTART_SECONDS="600")
    assert loop.stdout is not None
    assert loop.stdout.readline().startswith("Training exited")
    os.kill(loop.pid, signal.SIGTERM)
    assert loop.communicate(timeout=30) == ("", None)
    assert loop.returncode == PREEMPTED_EXIT_CODE


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (134, PREEMPTED_EXIT_CODE),  # a crash during the shutdown of the machine
        (LAST_SAVE_FAILED_EXIT_CODE, LAST_SAVE_FAILED_EXIT_CODE),
    ],
)
def test_exit_codes_of_training_after_sigterm(worker: Worker, code: int, end: int) -> None:
    (worker.cloud / "trainer").write_text(READY_TO_STOP.replace("exit 75", f"exit {code}"))
    loop = worker.start()
    assert loop.stdout is not None
    assert loop.stdout.readline() == "ready\n"
    os.kill(loop.pid, signal.SIGTERM)
    loop.communicate(timeout=30)
    assert loop.returncode == end


def test_worker_state_from_installation_to_end(worker: Worker) -> None:
    installed = worker.project / ".venv/installed"
    installed.unlink()
    assert worker.run("worker_state.sh") == "training: absent"
    installed.touch()
    assert worker.run("worker_state.sh") == "training: stopped"
    (worker.cloud / "trainer").write_text(READY_TO_STOP)
    worker.run("worker_start.sh")
    worker.wait_for("grep -q ready $HOME/cinegan-run/log")
    assert worker.run("worker_state.sh") == "training: running"
    assert worker.run("worker_start.sh").startswith("Training is already running on")
    os.kill(int((worker.run_folder / "pid").read_text()), signal.SIGTERM)
    worker.wait_for("flock --nonblock $HOME/cinegan-run/lock true")
    assert worker.run("worker_state.sh") == "training: 75"


def test_a_killed_loop_counts_as_running_until_its_training_has_ended(worker: Worker) -> None:
    (worker.cloud / "trainer").write_text('echo $$ >"$CLOUD/pid"; exec sleep 60')
    worker.run("worker_start.sh")
    worker.wait_for('[ -s "$CLOUD/pid" ]')
    os.kill(int((worker.run_folder / "pid").read_text()), signal.SIGKILL)
    assert worker.run("worker_state.sh") == "training: running"  # the chips are still held
    os.kill(int((worker.cloud / "pid").read_text()), signal.SIGKILL)
    worker.wait_for("flock --nonblock $HOME/cinegan-run/lock true")
    assert worker.run("worker_state.sh") == "training: stopped"
