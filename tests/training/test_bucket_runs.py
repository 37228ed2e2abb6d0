"""Runs whose workdir and data lie in a bucket, on machines that are lost."""

import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import runs
from etils import epath

from cinegan_jax.checkpointing.step_folder import find_damage, finished_steps
from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation.evaluate import evaluate
from cinegan_jax.metrics.registry import MAIN_METRICS, PAIRED_METRICS
from cinegan_jax.prepare.prepare import prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

LAST = 6


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    settings = PrepareSettings(look=runs.TOY["data.look"], size=32, resize="squash")
    prepare_shards("samples", out, settings, 1, lambda done, total: None)
    return out


@pytest.fixture(scope="module")
def toy(shards: Path) -> dict[str, Any]:
    return {
        **runs.TOY,
        "data.path": str(shards),
        "num_steps": LAST,
        "checkpoint_every_steps": 3,
        "evaluate_every_steps": 3,
        "ema_decay": 0.9,
    }


@pytest.fixture
def new_machine(
    tmp_path: Path, bucket_environment: Mapping[str, str]
) -> Callable[[epath.Path, Mapping[str, Any]], runs.Started]:
    """Starts a run with a home folder of its own, where nothing was cached."""

    def start(workdir: epath.Path, settings: Mapping[str, Any]) -> runs.Started:
        home = tmp_path / f"machine{len(list(tmp_path.glob('machine*')))}"
        home.mkdir()
        environment = {**bucket_environment, "HOME": str(home)}
        return runs.Started(workdir, settings, log=home / "log", environment=environment)

    return start


def copy(source: Path, target: epath.Path) -> epath.Path:
    """Copies a folder's files into a bucket."""
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def start(settings: Mapping[str, Any], workdir: epath.Path) -> None:
    assert run_training(Run(runs.config_of(settings)), workdir) == 0


def test_a_run_whose_machine_is_lost_ends_as_one_on_a_disk(
    tmp_path: Path,
    bucket: epath.Path,
    toy: dict[str, Any],
    shards: Path,
    new_machine: Callable[[epath.Path, Mapping[str, Any]], runs.Started],
) -> None:
    whole, workdir = tmp_path / "whole", bucket / "run"
    runs.run_to_end(whole, toy)
    settings = {**toy, "data.path": str(copy(shards, bucket / "shards"))}
    first = new_machine(workdir, settings)
    first.wait_for((workdir / "checkpoints" / "3" / "commit_success.txt").exists)
    first.signal(signal.SIGKILL)
    assert first.exit_code() == -signal.SIGKILL, first.said
    second = new_machine(workdir, settings)
    assert second.exit_code() == 0, second.said
    assert "copying 1 shards" in second.said
    assert "continuing from step 3" in second.said
    saved, expected = (runs.checkpoint(folder, LAST) for folder in (workdir, whole))
    del saved["meta"], expected["meta"]  # the config, which names the paths
    assert saved == expected
    assert runs.records(workdir) == runs.records(whole)
    assert {path.name for path in workdir.iterdir()} == {path.name for path in whole.iterdir()}
    samples = workdir / "samples" / f"{LAST:07d}.png"
    assert samples.read_bytes() == (whole / "samples" / samples.name).read_bytes()
    assert len(list((workdir / "tensorboard").iterdir())) > 2  # of both machines


def test_harmed_checkpoints_are_set_aside_and_the_run_goes_on(
    bucket: epath.Path, toy: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    start(toy, bucket)
    checkpoints = bucket / "checkpoints"
    assert finished_steps(checkpoints) == [3, 6]
    whole, records = runs.checkpoint(bucket, LAST), runs.records(bucket)
    chunk = next((checkpoints / "6" / "state" / "d").iterdir())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    (checkpoints / "9" / "state").mkdir(parents=True)
    (checkpoints / "9" / "state" / "_METADATA").write_text("{")  # and the machine went away
    capsys.readouterr()
    start(toy, bucket)
    assert "continuing from step 3" in capsys.readouterr().out
    names = {path.name for path in checkpoints.iterdir()}
    assert names == {"3", "6", "damaged-6", "unfinished-9"}
    assert (checkpoints / "damaged-6" / "manifest.json").exists()
    assert runs.checkpoint(bucket, LAST) == whole
    assert runs.records(bucket) == records


def test_a_bucket_serves_fine_tuning_and_evaluation(
    tmp_path: Path, bucket: epath.Path, toy: dict[str, Any], small_pairs: dict[str, Any]
) -> None:
    start(toy, bucket / "run")
    still = {f"optimizers.{player}.learning_rate": 0.0 for player in ("generator", "discriminator")}
    start({**toy, **still, "restore_from": str(bucket / "run")}, tmp_path / "tuned")
    given, kept = runs.checkpoint(bucket / "run", LAST), runs.checkpoint(tmp_path / "tuned", LAST)
    params = [path for path in given if path.startswith("['params']")]
    assert params
    assert all(kept[path] == given[path] for path in params)
    slow = [name for name in PAIRED_METRICS if name not in MAIN_METRICS]
    evaluate(bucket / "run", config=runs.config_of(toy | small_pairs), without=slow)
    assert json.loads((bucket / "run" / "evaluation.json").read_text())["photos"]
    assert (bucket / "run" / "before_after.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_two_hosts_share_a_bucket(
    tmp_path: Path,
    bucket: epath.Path,
    bucket_environment: Mapping[str, str],
    toy: dict[str, Any],
    shards: Path,
) -> None:
    runs.run_hosts_to_end(tmp_path / "disk", toy, 2, 2)
    settings = {
        **toy,
        "data.path": str(copy(shards, bucket / "shards")),
        "data.cache": str(tmp_path / "cache"),
    }
    log = tmp_path / "run"
    hosts = runs.Hosts(bucket / "run", settings, 2, 2, log=log, environment=bucket_environment)
    assert hosts.exit_codes() == [0, 0], hosts.said()
    saved, expected = (runs.checkpoint(f, LAST) for f in (bucket / "run", tmp_path / "disk"))
    del saved["meta"], expected["meta"]
    assert saved == expected
    assert runs.records(bucket / "run") == runs.records(tmp_path / "disk")
    assert find_damage(bucket / "run" / "checkpoints" / str(LAST)) is None
    assert len(list((bucket / "run" / "tensorboard").iterdir())) == 2  # of the first process


@pytest.mark.parametrize(
    ("settings", "workdir", "message"),
    [
        ({}, "gs://nowhere/run", "gs://nowhere/run .* no bucket gs://nowhere"),
        ({}, "gs://closed/run", "gs://closed/run .* this machine's account"),
        ({"data.path": "gs://nowhere/shards"}, "", "no folder 'gs://nowhere/shards'"),
        ({"data.path": "gs://closed/shards"}, "", "gs://closed/shards .*machine's account"),
        ({"restore_from": "gs://nowhere/run"}, "", "no run in gs://nowhere/run"),
        ({"restore_from": "gs://closed/run"}, "", "gs://closed/run .*machine's account"),
    ],
)
def test_unusable_workdirs_are_named(
    settings: dict[str, Any],
    workdir: str,
    message: str,
    bucket: epath.Path,
    tmp_path: Path,
    toy: dict[str, Any],
) -> None:
    with pytest.raises(UserError, match=message):
        start({**toy, **settings}, epath.Path(workdir or tmp_path / "run"))
