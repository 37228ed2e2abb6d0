"""Wrong settings stop a script before it calls the cloud."""

from pathlib import Path

import pytest
from launch_types import Run

CREATE, INSTALL, TRAIN, SUPERVISE = (
    f"tpu_{name}.sh" for name in ("create", "install", "train", "supervise")
)


@pytest.mark.parametrize(
    ("script", "name", "value", "advice"),
    [
        (CREATE, "TPU_NAME", "My_Machine", "lower-case letters, digits and dashes"),
        (CREATE, "ZONE", "", "a zone, such as us-west4-a"),
        (CREATE, "ZONE", "us-west4", "a zone, such as us-west4-a"),
        (CREATE, "ACCELERATOR_TYPE", "v5e-8", "v5litepod-256 (a v5e)"),
        (TRAIN, "ACCELERATOR_TYPE", "v4", "a chip and a size, such as v3-8"),
        (SUPERVISE, "ACCELERATOR_TYPE", "", "a chip and a size, such as v3-8"),
        (CREATE, "RUNTIME_VERSION", "tpu ubuntu", "tpu-ubuntu2204-base"),
        (CREATE, "POLL_SECONDS", "soon", "a number of seconds"),
        (INSTALL, "REVISION", "nowhere", "has no such commit"),
        (TRAIN, "CONFIG", "tpu_v3_8", "configs/tpu_v3_8.py"),
        (TRAIN, "CONFIG", "configs/tpu_v3_9.py", "has only configs/tpu_v3_8.py"),
        (TRAIN, "WORKDIR", "", "gs://BUCKET/FOLDER, or a folder on the machine"),
        (TRAIN, "WORKDIR", "s3://bucket/look", "gs://BUCKET/FOLDER, or a folder on the machine"),
        (TRAIN, "WORKDIR", "gs://bucket", "gs://BUCKET/FOLDER, or a folder on the machine"),
        (SUPERVISE, "WORKDIR", "runs/look", "takes its disk with it"),
    ],
)
def test_a_wrong_setting_is_named(
    launch: Run, cloud: Path, script: str, name: str, value: str, advice: str
) -> None:
    done = launch(script, **{name: value})
    assert done.returncode == 2
    assert f"error: {name} is '{value}'" in done.stderr
    assert advice in done.stderr
    assert not (cloud / "calls").exists()


@pytest.mark.parametrize("accelerator", ["v3-32", "v4-16", "v5litepod-16", "v5p-16", "v6e-16"])
def test_several_hosts_need_a_bucket(launch: Run, cloud: Path, accelerator: str) -> None:
    done = launch(TRAIN, ACCELERATOR_TYPE=accelerator, WORKDIR="runs/look")
    assert done.returncode == 2
    assert f"the hosts of a {accelerator} share no disk" in done.stderr
    assert not (cloud / "calls").exists()


def test_missing_gcloud(launch: Run, tools: Path) -> None:
    (tools / "gcloud").unlink()
    done = launch(CREATE)
    assert done.returncode == 2
    assert "gcloud is missing: https://cloud.google.com/sdk/docs/install" in done.stderr


@pytest.mark.parametrize(
    ("accelerator", "runtime"),
    [
        ("v3-8", "tpu-ubuntu2204-base"),
        ("v4-32", "tpu-ubuntu2204-base"),
        ("v5litepod-8", "v2-alpha-tpuv5-lite"),
        ("v5p-128", "v2-alpha-tpuv5"),
        ("v6e-256", "v2-alpha-tpuv6e"),
    ],
)
def test_the_runtime_version_fits_the_chip(
    launch: Run, cloud: Path, accelerator: str, runtime: str
) -> None:
    assert launch(CREATE, ACCELERATOR_TYPE=accelerator).returncode == 0
    create = (cloud / "calls").read_text().splitlines()[0]
    assert (
        create.split()
        == (
            "compute tpus queued-resources create look --zone=us-west4-a --node-id=look "
            f"--accelerator-type={accelerator} --runtime-version={runtime} --spot"
        ).split()
    )
