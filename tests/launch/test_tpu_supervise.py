"""The supervisor against a cloud that takes machines away and a trainer that ends in every way."""

from pathlib import Path

import pytest

# Trains from the newest step in its workdir, a bucket, until it has been interrupted as planned and
# stands at step 6. Told to leave, it finishes a step and saves; it also saves at step 5, once the
# supervisor has asked whether it runs.
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
def test_a_preempted_slice_is_recreated_and_training_goes_on_from_the_bucket(
    launch, cloud: Path, project: Path, git, signal: str, workers: int
):
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
    # Killed, it is back at the last checkpoint; told to leave, it saved a later step.
    assert after[0] == 5 if signal == "KILL" else after[0] > 5
    assert steps_in(cloud / "gs/bucket/look")[-1] == max(*after, 6)


@pytest.mark.parametrize("code", [2, 3, 130])
def test_a_mistake_to_mend_ends_it_with_the_log_kept(
    launch, cloud: Path, tmp_path: Path, code: int
):
    (cloud / "trainer").write_text(f"echo 'error: no such folder' >&2; exit {code}")
    done = launch("tpu_supervise.sh")
    assert done.returncode == code
    assert "error: no such folder" in (tmp_path / "look.log").read_text()
    assert not (cloud / "state").exists()
    assert calls(cloud, "queued-resources create") == 1


def test_a_preemption_that_only_training_heard_of_starts_it_again(launch, cloud: Path):
    (cloud / "trainer").write_text('rm "$CLOUD/trainer"; echo exit 0 >"$CLOUD/trainer"; exit 75')
    assert launch("tpu_supervise.sh").returncode == 0
    assert calls(cloud, "queued-resources create") == 1


def test_a_supervisor_started_again_takes_up_the_running_machine(launch, cloud: Path):
    (cloud / "trainer").write_text(TRAINER)
    assert launch("tpu_create.sh").returncode == 0
    assert launch("tpu_install.sh").returncode == 0
    assert launch("tpu_supervise.sh").returncode == 0
    assert calls(cloud, "queued-resources create") == 1
    assert len((cloud / "history").read_text().splitlines()) == 1


def test_failing_calls_are_tried_again(launch, cloud: Path):
    (cloud / "trainer").write_text(TRAINER)
    words = ("queued-resources list", "queued-resources create", "tpu-vm scp", "tpu-vm ssh")
    words += ("queued-resources delete", "tpu-vm describe")
    commands = [f"compute tpus {word}" for word in words]
    (cloud / "broken").write_text("".join(f"{command}\n" for command in commands))
    done = launch("tpu_supervise.sh")
    assert done.returncode == 0, done.stderr
    assert (cloud / "broken").read_text() == ""
    assert not (cloud / "state").exists()


def test_requests_that_always_fail_are_given_up(launch, cloud: Path):
    (cloud / "after_create").write_text("FAILED\n")
    done = launch("tpu_supervise.sh", MAX_ATTEMPTS="4")
    assert done.returncode == 1
    assert "gave up after 4 attempts" in done.stderr
    assert calls(cloud, "queued-resources create") == 2


@pytest.mark.parametrize("state", ["PREEMPTED", "TERMINATED"])
def test_a_lost_machine_of_an_active_request_is_deleted(launch, cloud: Path, state: str):
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
        ("0 2 134", 1, 2),  # the mistake of one, which the others die of
        ("75 0 0", 2, 0),  # all start again with the one that left
    ],
)
def test_the_worker_that_decides_is_heard(launch, cloud: Path, codes: str, starts: int, end: int):
    """Each worker takes the next code in turn; later ones find nothing left to do."""
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
    assert len((cloud / "starts-").read_text().splitlines()) == starts
