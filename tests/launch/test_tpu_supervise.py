"""The supervisor with a fake cloud that preempts machines, and a trainer with any exit code."""

from pathlib import Path

import pytest
from launch_types import Git, Run

# Trains from the newest step in its workdir, a bucket, until the planned preemption has happened
# and step 6 is reached. After SIGTERM it finishes a step and saves. It also saves at step 5, after
# the supervisor has asked for its state.
TRAINER = """
shopt -s extglob
last=${!#}
workdir=$CLOUD/gs/${last#--workdir=gs://}
mkdir -p "$workdir/checkpoints" && cd "$workdir/checkpoints"
step=0
for folder in +([0-9]); do
  [ ! -e "$folder/manifest.json" ] || [ "$folder" -lt $step ] || step=$folder
done
echo "from $step at $(git -C "$OLDPWD" rev-parse HEAD) with $*" >>"$CLOUD/history"
save() {
  [ ! -e $step ] || return 0
  mkdir -p $step && touch $step/manifest.json
}
asked() { grep -c worker_state "$CLOUD/calls"; }
before=$(asked)
trap 'step=$((step + 1)); save; exit 75' TERM
while [ -e "$CLOUD/preempt_with" ] || [ $step -lt 6 ]; do
  [ $SECONDS -lt 60 ] || exit 1
  step=$((step + 1))
  sleep 0.05
  [ $step = 5 ] || continue
  until [ "$(asked)" -gt "$before" ] || [ $SECONDS -ge 60 ]; do sleep 0.01; done
  save
done
save
"""

EMPTY_COMMIT = ("commit-tree", "-p", "HEAD", "-m", "Later", "HEAD^{tree}")


def calls(cloud: Path, verb: str) -> int:
    lines = (cloud / "calls").read_text().splitlines()
    return sum(line.startswith(f"compute tpus {verb} ") for line in lines)


def steps_in(bucket: Path) -> list[int]:
    return sorted(int(folder.parent.name) for folder in bucket.glob("checkpoints/*/manifest.json"))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_a_preempted_slice_is_recreated_and_training_continues_from_the_bucket(
    launch: Run, cloud: Path, project: Path, git: Git, signal: str, workers: int
) -> None:
    (cloud / "workers").write_text(f"{workers}\n")
    commit = git(project, "rev-parse", "HEAD")
    branch_moves_on = f"git -C {project} update-ref HEAD {git(project, *EMPTY_COMMIT)}\n"
    (cloud / "trainer").write_text(branch_moves_on + TRAINER)
    (cloud / "preempt_with").write_text(signal)
    # Each machine needs fewer attempts than these; both together need more.
    done = launch("tpu_supervise.sh", "--config.batch_size=16", MAX_ATTEMPTS="4")
    assert done.returncode == 0, done.stderr

    assert calls(cloud, "queued-resources create") == 2
    assert calls(cloud, "queued-resources delete") == 2
    assert not (cloud / "state").exists()

    assert git(project, "rev-parse", "HEAD") != commit
    starts = (cloud / "history").read_text().splitlines()
    assert len(starts) == 2 * workers
    for start in starts:
        assert f"at {commit} with --config=configs/tpu_v3_8.py --config.batch_size=16 " in start
    steps = [int(start.split()[1]) for start in starts]
    before, after = steps[:workers], steps[workers:]
    assert set(before) == {0}
    # After SIGKILL it is back at the last checkpoint; after SIGTERM it has saved a later step.
    assert after[0] == 5 if signal == "KILL" else after[0] > 5
    assert steps_in(cloud / "gs/bucket/look")[-1] == max(*after, 6)


@pytest.mark.parametrize("code", [2, 3, 126, 127, 130])
def test_an_error_that_a_restart_cannot_fix_deletes_the_machine_and_keeps_the_log(
    launch: Run, cloud: Path, tmp_path: Path, code: int
) -> None:
    (cloud / "trainer").write_text(f"echo 'error: no such folder' >&2; exit {code}")
    done = launch("tpu_supervise.sh")
    assert done.returncode == code
    assert "error: no such folder" in (tmp_path / "look.log").read_text()
    assert not (cloud / "state").exists()
    assert calls(cloud, "queued-resources create") == 1


def test_a_failed_last_save_keeps_the_machine_and_says_what_to_do(
    launch: Run, cloud: Path, tmp_path: Path
) -> None:
    (cloud / "trainer").write_text(
        'echo start >>"$CLOUD/starts"; echo "error: quota" >&2; exit "$(cat "$CLOUD/code")"'
    )
    (cloud / "code").write_text("4")
    flag = "--config.data.path=gs://bucket/my data"
    done = launch("tpu_supervise.sh", flag)
    assert done.returncode == 4
    assert "error: quota" in (tmp_path / "look.log").read_text()
    assert (cloud / "state").exists()
    assert calls(cloud, "queued-resources delete") == 0
    assert (cloud / "starts").read_text() == "start\n"
    quoted = r"--config.data.path=gs://bucket/my\ data"
    advice = f"bash launch/tpu_train.sh {quoted} && bash launch/tpu_supervise.sh {quoted}"
    assert advice in done.stderr
    assert "bash launch/tpu_delete.sh" in done.stderr

    assert launch("tpu_supervise.sh", flag).returncode == 4  # nothing has been fixed yet
    assert (cloud / "starts").read_text() == "start\n"
    (cloud / "code").write_text("0")
    assert launch("tpu_train.sh", flag).returncode == 0
    assert launch("tpu_supervise.sh", flag).returncode == 0
    assert (cloud / "starts").read_text() == "start\n" * 2
    assert not (cloud / "state").exists()


def test_a_preemption_that_only_training_noticed_restarts_it(launch: Run, cloud: Path) -> None:
    (cloud / "trainer").write_text('rm "$CLOUD/trainer"; echo exit 0 >"$CLOUD/trainer"; exit 75')
    assert launch("tpu_supervise.sh").returncode == 0
    assert calls(cloud, "queued-resources create") == 1


def test_a_restarted_supervisor_continues_with_the_running_machine(
    launch: Run, cloud: Path
) -> None:
    (cloud / "trainer").write_text(TRAINER)
    assert launch("tpu_create.sh").returncode == 0
    assert launch("tpu_install.sh").returncode == 0
    assert launch("tpu_supervise.sh").returncode == 0
    assert calls(cloud, "queued-resources create") == 1
    assert len((cloud / "history").read_text().splitlines()) == 1


def test_failing_calls_are_retried(launch: Run, cloud: Path) -> None:
    (cloud / "trainer").write_text(TRAINER)
    words = ("queued-resources list", "queued-resources create", "tpu-vm scp", "tpu-vm ssh")
    words += ("queued-resources delete", "tpu-vm describe")
    commands = [f"compute tpus {word}" for word in words]
    (cloud / "broken").write_text("".join(f"{command}\n" for command in commands))
    done = launch("tpu_supervise.sh")
    assert done.returncode == 0, done.stderr
    assert (cloud / "broken").read_text() == ""
    assert not (cloud / "state").exists()


def test_the_supervisor_gives_up_requests_that_always_fail(launch: Run, cloud: Path) -> None:
    (cloud / "after_create").write_text("FAILED\n")
    done = launch("tpu_supervise.sh", MAX_ATTEMPTS="4")
    assert done.returncode == 1
    assert "gave up after 4 attempts" in done.stderr
    assert calls(cloud, "queued-resources create") == 2


@pytest.mark.parametrize("state", ["PREEMPTED", "TERMINATED"])
def test_a_lost_machine_of_an_active_request_is_deleted(
    launch: Run, cloud: Path, state: str
) -> None:
    assert launch("tpu_create.sh").returncode == 0
    (cloud / "node_state").write_text(state)
    done = launch("tpu_supervise.sh", MAX_ATTEMPTS="1")
    assert done.returncode == 1
    assert f"look: {state}" in done.stderr
    assert not (cloud / "state").exists()


@pytest.mark.parametrize(
    ("codes", "starts", "end"),
    [
        ("0 0 0", 1, 0),
        ("0 2 134", 1, 2),  # the user error of one makes the others abort
        ("2 4 134", 1, 4),  # what is not saved decides before the user error
        ("75 0 0", 2, 0),  # all restart with the preempted one
    ],
)
def test_one_worker_decides_for_all(
    launch: Run, cloud: Path, codes: str, starts: int, end: int
) -> None:
    """Each worker exits with its own code at the first start and with 0 later."""
    (cloud / "workers").write_text("3\n")
    for number, code in enumerate(codes.split()):
        (cloud / f"code-{number}").write_text(code)
    (cloud / "trainer").write_text(
        'echo start >>"$CLOUD/starts-${HOME##*machine}"; number=${HOME##*machine}\n'
        'file=$CLOUD/code-$((-number)); code=$(cat "$file" 2>/dev/null || echo 0); rm -f "$file"\n'
        'exit "$code"\n'
    )
    done = launch("tpu_supervise.sh", MAX_CRASHES="1")
    assert done.returncode == end, done.stderr
    assert calls(cloud, "queued-resources create") == 1
    assert calls(cloud, "queued-resources delete") == (end != 4)
    assert len((cloud / "starts-").read_text().splitlines()) == starts
