"""The workdir and its mirror in a bucket, and inputs that lie in buckets."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUCKET = "gs://bucket/look"

# Tells the steps it finds and saves one more than the newest; keeps the newest two.
TRAINER = """
shopt -s extglob nullglob
last=${!#}
mkdir -p "${last#--workdir=}/checkpoints" && cd "${last#--workdir=}/checkpoints"
steps=$(printf '%s\\n' +([0-9]) | sort -n | tr '\\n' ' ')
echo "$steps" >>"$CLOUD/found"
step=1
for found in $steps; do step=$((found + 1)); done
mkdir 99.orbax-checkpoint-tmp $step
echo $step | tee 99.orbax-checkpoint-tmp/state $step/state $step/manifest.json >../metrics.jsonl
[ $step -le 2 ] || rm -r $((step - 2))
"""

Train = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def train(tmp_path: Path, project: Path, tools: Path, cloud: Path) -> Train:
    """Start worker_train.sh on a fresh machine, which has the name given."""
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(HERE / "fake_python.sh")
    (cloud / "trainer").write_text(TRAINER)

    def start(machine: str, *flags: str, **settings: str) -> subprocess.Popen[str]:
        home = tmp_path / machine
        home.mkdir(exist_ok=True)
        environment = {"PATH": str(tools), "HOME": str(home), "CLOUD": str(cloud)}
        environment |= {"WORKDIR": str(home / "run"), "BUCKET": BUCKET, "RESTART_SECONDS": "0"}
        return subprocess.Popen(
            ["bash", project / "launch/worker_train.sh", "--config=a", *flags],
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=30)
    return process.returncode, output


def wait_for(path: Path) -> None:
    command = ["bash", "-c", 'until [ -e "$1" ]; do sleep 0.01; done', "", path]
    subprocess.run(command, check=True, timeout=30)


def files(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def test_what_training_leaves_is_in_the_bucket_except_unfinished_checkpoints(train, cloud: Path):
    code, output = end(train("a"))
    assert code == 0, output
    written = ["checkpoints/1/manifest.json", "checkpoints/1/state", "last_start", "metrics.jsonl"]
    assert files(cloud / "gs/bucket/look") == written


def test_fresh_machines_go_on_from_the_bucket_and_deleted_steps_leave_it(
    train, cloud: Path, tmp_path: Path
):
    for machine in ("a", "b", "c"):
        assert end(train(machine))[0] == 0
    assert (cloud / "found").read_text().splitlines() == [" ", "1 ", "1 2 "]
    bucket = cloud / "gs/bucket/look"
    assert files(bucket / "checkpoints") == [
        f"{step}/{name}" for step in (2, 3) for name in ("manifest.json", "state")
    ]
    assert (bucket / "metrics.jsonl").read_text() == "3\n"


def test_a_copy_cut_short_leaves_whole_steps_only(train, cloud: Path):
    """Also when it is the first one; a trainer that found only damaged steps would stop."""
    (cloud / "stall").write_text("checkpoints/1/state")
    process = train("a")
    wait_for(cloud / "stalled")
    os.killpg(process.pid, signal.SIGKILL)
    end(process)
    (cloud / "stall").write_text("checkpoints/1/manifest.json")
    (cloud / "stalled").unlink()
    process = train("b")
    wait_for(cloud / "stalled")
    os.killpg(process.pid, signal.SIGKILL)
    end(process)
    (cloud / "stall").unlink()
    assert files(cloud / "gs/bucket/look/checkpoints") == ["1/state"]
    code, output = end(train("c"))
    assert code == 0
    assert "checkpoints/1 is left out: its copy to gs://bucket/look was cut short." in output
    assert (cloud / "found").read_text().split() == []


def test_the_last_copy_is_made_although_told_to_leave(train, cloud: Path):
    (cloud / "trainer").write_text(f"trap 'exit 75' TERM; {TRAINER}\nwhile :; do sleep 0.01; done")
    (cloud / "stall").write_text("checkpoints/1/state")
    process = train("a")
    wait_for(cloud / "../a/run/checkpoints/1/manifest.json")
    os.killpg(process.pid, signal.SIGTERM)  # as a machine that is shut down does
    wait_for(cloud / "stalled")
    os.killpg(process.pid, signal.SIGTERM)
    (cloud / "stall").unlink()
    assert end(process)[0] == 75
    assert "checkpoints/1/manifest.json" in files(cloud / "gs/bucket/look")


def test_what_is_newer_on_the_machine_stays(train, cloud: Path, tmp_path: Path):
    assert end(train("a"))[0] == 0
    (tmp_path / "a/run/metrics.jsonl").write_text("newer\n")
    (cloud / "trainer").write_text('last=${!#}; cat "${last#--workdir=}/metrics.jsonl"')
    assert "newer\n" in end(train("a"))[1]


def test_inputs_in_buckets_are_copied_once(train, cloud: Path, tmp_path: Path):
    shards = cloud / "gs/bucket/two words/shards"
    shards.mkdir(parents=True)
    (shards / "0").write_text("pairs")
    (cloud / "gs/bucket/vgg19.safetensors").write_text("weights")
    (cloud / "trainer").write_text('cat "${2#*=}/0" "${3#*=}"; echo "${4#*=}"')
    flags = (
        "--config.data.path=gs://bucket/two words/shards",
        "--config.vgg19_file=gs://bucket/vgg19.safetensors",
    )
    for _ in range(2):
        code, output = end(train("a", *flags, "--config.batch_size=8", BUCKET=""))
        assert code == 0, output
        assert output.startswith("pairsweights8\n")
    calls = (cloud / "calls").read_text()
    assert calls.count("cp --recursive") == 2


@pytest.mark.parametrize(
    ("settings", "flag", "message"),
    [
        ({"BUCKET": "gs://nowhere/look"}, "--config.batch_size=8", "not found: 404"),
        ({}, "--config.data.path=gs://bucket/none", "matched no objects"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_tried_again_and_nothing_is_trained(
    train, cloud: Path, tmp_path: Path, settings: dict[str, str], flag: str, message: str
):
    code, output = end(train("a", flag, MAX_CRASHES="2", **settings))
    assert code == 1
    assert output.count(message) == 2
    assert not (cloud / "found").exists()
    assert (tmp_path / "a/cinegan-run/exit_code").read_text() == "1\n"


def test_no_exit_code_is_passed_on_while_the_bucket_lacks_the_end(
    train, cloud: Path, tmp_path: Path
):
    """A supervisor that read 0 would delete the machine and with it the end of the run."""
    loses_the_bucket = 'rm -r "$CLOUD/gs/bucket/look" && touch "$CLOUD/gs/bucket/look"\n'
    (cloud / "trainer").write_text(loses_the_bucket + TRAINER)
    code, output = end(train("a"))
    assert code == 1
    assert "error: the last copy to gs://bucket/look failed" in output
    assert not (tmp_path / "a/cinegan-run/exit_code").exists()
