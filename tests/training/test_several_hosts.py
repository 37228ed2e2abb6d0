"""Several processes that train together: real ones on this machine, each with its own devices."""

import re
import signal
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import runs
from etils import epath

from cinegan_jax.checkpointing.step_folder import find_damage
from cinegan_jax.evaluation.evaluate import workdir_target
from cinegan_jax.evaluation.paired_target import PairedTarget, score_pairs
from cinegan_jax.evaluation.result import load
from cinegan_jax.evaluation.scope import Scope
from cinegan_jax.metrics.registry import MAIN_METRICS

LAST = 8
TOY: dict[str, Any] = {
    **runs.TOY,
    "num_steps": LAST,
    "log_every_steps": 1,
    "sample_every_steps": 4,
    "evaluate_every_steps": 4,
    "checkpoint_every_steps": 4,
    "ema_decay": 0.9,
}
ENDLESS = {"num_steps": 100_000, "sample_every_steps": 50_000, "evaluate_every_steps": 50_000}
WAYS: dict[str, dict[str, Any]] = {
    "pmap": {"parallelism": "pmap"},
    "pjit": {"parallelism": "pjit", "shard_optimizer": True},
    "rows": {"parallelism": "pjit", "spatial": 4, "data.size": 128, "data.crop": "squash"},
}
ALONE, TOGETHER = (1, 4), (2, 2)


@pytest.fixture(scope="module")
def toy(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return TOY | small_pairs


def run(workdir: Path, settings: dict[str, Any], processes: int, devices: int) -> None:
    """Train to the end on `processes` processes, each with `devices` devices."""
    if processes == 1:
        runs.run_to_end(workdir, settings, devices=devices)
    else:
        runs.run_hosts_to_end(workdir, settings, processes, devices)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, toy: dict[str, Any]) -> Path:
    """A run of one process with four devices."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    run(workdir, {**toy, **WAYS["pmap"]}, *ALONE)
    return workdir


def assert_same_end(workdir: Path, expected: Path, last: int = LAST) -> None:
    """All arrays of the last checkpoint, which is sealed, and every record, within 1e-5."""
    assert find_damage(epath.Path(workdir / "checkpoints" / str(last))) is None
    ours, theirs = (runs.checkpoint(folder, last) for folder in (workdir, expected))
    assert ours.keys() == theirs.keys()
    assert ours["data"] == theirs["data"]
    for path in ours.keys() - {"data", "meta"}:
        (dtype, shape, content), (*described, wanted) = ours[path], theirs[path]
        assert [dtype, shape] == described, path
        arrays = [np.frombuffer(each, dtype) for each in (content, wanted)]
        np.testing.assert_allclose(*arrays, atol=1e-5, err_msg=path)
    assert len(runs.records(workdir)) == len(runs.records(expected))
    assert_same_records(workdir, expected)


def assert_same_records(workdir: Path, expected: Path, first: int | None = None) -> None:
    """Compare the records, up to step `first` if given, within 1e-5."""
    ours, theirs = (
        [record for record in runs.records(folder) if first is None or record["step"] <= first]
        for folder in (workdir, expected)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=1e-5)


def test_two_processes_end_as_one(tmp_path: Path, toy: dict[str, Any], alone: Path) -> None:
    workdir = tmp_path / "run"
    said = runs.run_hosts_to_end(workdir, {**toy, **WAYS["pmap"]}, *TOGETHER)
    assert_same_end(workdir, alone)
    first, second = said.split("--- host 1")
    assert "2 processes train together on 4 devices" in first
    assert f"step {LAST}/{LAST}" in first
    assert "step" not in second
    assert sorted(path.name for path in (workdir / "samples").iterdir()) == [
        f"{step:07}.png" for step in (4, LAST)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "way"), [("dcgan", "pmap"), ("image_gan", "pjit")])
def test_two_processes_train_a_latent_family_as_one(tmp_path: Path, family: str, way: str) -> None:
    """Batch norm takes its statistics over both."""
    # So small that Adam does not make steps of the rounding of gradients that are almost zero.
    small = {
        f"optimizers.{player}.learning_rate": 1e-6 for player in ("generator", "discriminator")
    }
    settings = {**runs.TINY_OF_LATENTS[family], **WAYS[way], **small, "batch_size": 8}
    run(tmp_path / "alone", settings, *ALONE)
    run(tmp_path / "together", settings, *TOGETHER)
    assert_same_end(tmp_path / "together", tmp_path / "alone", last=4)


@pytest.mark.parametrize("way", ["pjit", pytest.param("rows", marks=pytest.mark.slow)])
def test_two_processes_end_as_one_by_a_mesh(tmp_path: Path, toy: dict[str, Any], way: str) -> None:
    settings = {**toy, **WAYS[way]}
    run(tmp_path / "alone", settings, *ALONE)
    run(tmp_path / "together", settings, *TOGETHER)
    assert_same_end(tmp_path / "together", tmp_path / "alone")


def test_another_number_of_processes_goes_on_with_the_next_batch(
    tmp_path: Path, toy: dict[str, Any], alone: Path
) -> None:
    workdir, settings = tmp_path / "run", {**toy, **WAYS["pmap"]}
    run(workdir, {**settings, "num_steps": 4}, *TOGETHER)
    run(workdir, settings, *ALONE)
    assert_same_end(workdir, alone)


@pytest.mark.slow
def test_four_processes_end_as_one(tmp_path: Path, toy: dict[str, Any], alone: Path) -> None:
    run(tmp_path / "run", {**toy, **WAYS["pmap"]}, 4, 1)
    assert_same_end(tmp_path / "run", alone)


@pytest.mark.slow
def test_four_processes_and_back(tmp_path: Path, toy: dict[str, Any], alone: Path) -> None:
    """Arrays sharded over processes become whole ones on resuming; the noise drawn then differs."""
    workdir, settings = tmp_path / "run", {**toy, "checkpoint_every_steps": 2}
    for step, processes, way in ((2, 2, "pjit"), (4, 1, "pmap"), (6, 4, "pjit"), (LAST, 2, "pmap")):
        run(workdir, {**settings, **WAYS[way], "num_steps": step}, processes, 4 // processes)
    final, expected = (runs.checkpoint(folder, LAST) for folder in (workdir, alone))
    assert final["data"] == expected["data"]
    steps = [record["step"] for record in runs.records(workdir) if "l1" in record]
    assert steps == list(range(1, LAST + 1))


@pytest.mark.slow
def test_two_processes_that_share_images_train_a_cinegan_as_one(
    tmp_path: Path, cinegan_settings: dict[str, Any]
) -> None:
    """Both load each image, and halos of convolutions go from one to the other."""
    # So small that no rounding carries a ReLU over its kink, or grows past the tolerance.
    small = {
        f"optimizers.{player}.learning_rate": 5e-5 for player in ("generator", "discriminator")
    }
    small["losses.feature_matching"] = 1.0
    sizes = {"spatial": 2, "data.size": 64, "data.crop": "squash", "num_steps": 2}
    settings = {**cinegan_settings, **WAYS["pjit"], **small, **sizes}
    run(tmp_path / "alone", settings, 1, 2)
    runs.run_hosts_to_end(tmp_path / "together", settings, 2, 1, seconds=400)
    assert_same_end(tmp_path / "together", tmp_path / "alone", 2)


def test_stopped_processes_save_the_same_step_and_resume(
    tmp_path: Path, toy: dict[str, Any], alone: Path
) -> None:
    workdir, settings = tmp_path / "run", {**toy, **WAYS["pmap"]}
    hosts = runs.Hosts(workdir, {**settings, **ENDLESS}, *TOGETHER)
    hosts.wait_for(lambda: len(runs.records(workdir)) >= 3)
    hosts.each[1].signal(signal.SIGTERM)
    hosts.wait_for(lambda: "SIGTERM caught" in hosts.each[1].said)
    # Again, and to both, as a launcher and a process group may send it, before or while they save.
    for host in hosts.each:
        host.signal(signal.SIGTERM)
    assert hosts.exit_codes() == [75, 75], hosts.said()
    saved = runs.saved_steps(workdir)[-1]
    for host in hosts.each:
        assert re.findall(r"Step (\d+) is saved; start again to continue", host.said) == [
            str(saved)
        ]
    run(workdir, {**settings, "num_steps": saved + 1}, *TOGETHER)
    steps = [record["step"] for record in runs.records(workdir) if "l1" in record]
    assert steps == list(range(1, saved + 2))
    assert_same_records(workdir, alone, first=3)


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_killed_outright_one_process_ends_the_other(
    tmp_path: Path, toy: dict[str, Any], alone: Path, victim: int
) -> None:
    workdir, settings = tmp_path / "run", {**toy, **WAYS["pmap"]}
    hosts = runs.Hosts(
        workdir, {**settings, **ENDLESS}, *TOGETHER, "--heartbeat_timeout_seconds=10"
    )
    hosts.wait_for(lambda: len(runs.saved_steps(workdir)) >= 2)
    hosts.each[victim].signal(signal.SIGKILL)
    codes = hosts.exit_codes(seconds=40)
    assert codes[victim] == -signal.SIGKILL
    assert codes[1 - victim] in (1, -signal.SIGABRT), hosts.said()
    assert "another task died" in hosts.said() or "failed and leaves" in hosts.said()
    saved = runs.saved_steps(workdir)[-1]
    assert "continuing from step" in runs.run_hosts_to_end(
        workdir, {**settings, "num_steps": saved + 1}, *TOGETHER
    )


@pytest.mark.slow
def test_a_process_that_gives_no_sign_of_life_ends_the_other(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    workdir = tmp_path / "run"
    hosts = runs.Hosts(workdir, {**toy, **ENDLESS}, *TOGETHER, "--heartbeat_timeout_seconds=10")
    hosts.wait_for(lambda: len(runs.saved_steps(workdir)) >= 1)
    hosts.each[1].signal(signal.SIGSTOP)  # as if its machine were cut off
    assert hosts.each[0].exit_code(seconds=60) == -signal.SIGABRT  # JAX's own limit is 100 s
    assert "unhealthy (stopped sending heartbeats)" in hosts.each[0].said
    hosts.each[1].kill()


def test_a_mistake_is_said_by_all_with_its_own_code(tmp_path: Path, toy: dict[str, Any]) -> None:
    hosts = runs.Hosts(tmp_path / "run", {**toy, "precision": "f16", "family": "cinegan"}, 2, 2)
    assert hosts.exit_codes(seconds=60) == [2, 2], hosts.said()
    for host in hosts.each:
        assert "error: config.precision='f16' is not one of" in host.said


@pytest.mark.slow
def test_one_process_that_fails_does_not_leave_the_other_waiting(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    pairs = runs.write_pairs(tmp_path / "pairs", np.random.default_rng(4))
    (pairs / "train" / "input" / "007.png").write_bytes(b"broken")
    settings = {**toy, "data.path": str(pairs), "data.corrupt_ceiling": 0.0}
    hosts = runs.Hosts(tmp_path / "run", settings, *TOGETHER, "--heartbeat_timeout_seconds=10")
    codes = hosts.exit_codes(seconds=60)
    assert 2 in codes, hosts.said()
    assert set(codes) <= {1, 2, -signal.SIGABRT}, hosts.said()
    assert "007 (" in hosts.said()


@pytest.mark.slow
def test_evaluation_is_shared_by_two_processes_and_written_by_the_first(
    tmp_path: Path, toy: dict[str, Any], alone: Path
) -> None:
    """They find what one process finds."""
    said = runs.run_hosts_to_end(alone, toy, *TOGETHER, mode="evaluate", seconds=300)
    first, second = said.split("--- host 1")
    assert "held-out PSNR" in first
    assert "PSNR" not in second
    together = load(alone / "evaluation.json")
    target = workdir_target(alone, runs.config_of(toy))
    scope = Scope(metrics=MAIN_METRICS)
    assert isinstance(target, PairedTarget)
    one = score_pairs(
        target.test_pairs, target.methods, target.about, scope, devices=jax.devices()[:1]
    )
    assert [photo.name for photo in together.photos] == [photo.name for photo in one.photos]
    for ours, theirs in zip(together.photos, one.photos, strict=True):
        for metric, value in theirs.scores.items():
            assert ours.scores[metric] == pytest.approx(value, rel=1e-5), (ours, metric)
