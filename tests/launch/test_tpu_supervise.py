"""The supervisor against a cloud that takes machines away and a trainer that ends in every way."""

from pathlib import Path

import pytest

# Trains until it has been interrupted as planned and stands at step 6. Worker 0 saves, at step 5
# once the supervisor has asked whether it runs.
TRAINER = """
step=$(cat "$CLOUD/bucket/step" 2>/dev/null || echo 0)
save() {
  [ "${HOME##*/}" = 0 ] || return 0
  echo $step >"$CLOUD/step" && mv "$CLOUD/step" "$CLOUD/bucket/step"
}
asked() { grep -c worker_state "$CLOUD/calls"; }
before=$(asked)
echo "from $step at $(git rev-parse HEAD) with $*" >>"$CLOUD/bucket/history.${HOME##*/}"
trap 'save; exit 75' TERM
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


@pytest.mark.parametrize(("signal", "workers"), [("TERM", 1), ("KILL", 2)])
def test_a_preempted_machine_is_recreated_and_training_goes_on(
    launch, cloud: Path, project: Path, git, signal: str, workers: int
):
    commit = git(project, "rev-parse", "HEAD")
    branch_moves_on = f"git -C {project} update-ref HEAD {git(project, *EMPTY_COMMIT)}\n"
    (cloud / "trainer").write_text(branch_moves_on + TRAINER)
    (cloud / "preempt_with").write_text(signal)
    if workers == 2:
        (cloud / "two_workers").touch()
    # Each machine needs fewer attempts than these; both together need more.
    done = launch("tpu_supervise.sh", "--config.batch_size=16", MAX_ATTEMPTS="4")
    assert done.returncode == 0, done.stderr

    assert calls(cloud, "queued-resources create") == 2
    assert calls(cloud, "queued-resources delete") == 2
    assert not (cloud / "state").exists()

    assert git(project, "rev-parse", "HEAD") != commit
    for worker in range(workers):
        starts = (cloud / f"bucket/history.{worker}").read_text().splitlines()
        assert len(starts) == 2
        for start in starts:
            assert start.endswith(
                f"at {commit} with --config=configs/tpu_v3_8.py --workdir=gs://bucket/look "
                "--config.batch_size=16"
            )
        steps = [int(start.split()[1]) for start in starts]
        assert steps[0] == 0
        assert steps[1] >= 5
    assert int((cloud / "bucket/step").read_text()) >= 6


@pytest.mark.parametrize("code", [2, 130])
def test_a_mistake_to_mend_ends_it_with_the_log_kept(
    launch, cloud: Path, tmp_path: Path, code: int
):
    (cloud / "trainer").write_text(f"echo 'error: no such folder' >&2; exit {code}")
    done = launch("tpu_supervise.sh")
    assert done.returncode == code
    assert "error: no such folder" in (tmp_path / "look.log").read_text()
    assert not (cloud / "state").exists()
    assert calls(cloud, "queued-resources create") == 1


def test_a_crash_on_one_worker_is_reported_although_the_other_finished(launch, cloud: Path):
    (cloud / "two_workers").touch()
    (cloud / "trainer").write_text('[ "${HOME##*/}" = 0 ] || exit 134')
    assert launch("tpu_supervise.sh").returncode == 134


def test_a_supervisor_started_again_takes_up_the_running_machine(launch, cloud: Path):
    (cloud / "trainer").write_text(TRAINER)
    assert launch("tpu_create.sh").returncode == 0
    assert launch("tpu_install.sh").returncode == 0
    assert launch("tpu_supervise.sh").returncode == 0
    assert calls(cloud, "queued-resources create") == 1
    assert len((cloud / "bucket/history.0").read_text().splitlines()) == 1


def test_failing_calls_are_tried_again(launch, cloud: Path):
    (cloud / "trainer").write_text(TRAINER)
    words = ("queued-resources list", "queued-resources create", "tpu-vm scp", "tpu-vm ssh")
    words += ("queued-resources delete", "tpu-vm describe")
    (cloud / "broken").write_text("".join(f"compute tpus {word}\n" for word in words))
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
