"""Runs of version 0.1, whose players, metrics and config keys had other names, continue.

Each archive has the config, the records and one checkpoint of a run of two real steps.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from etils import epath

from cinegan_jax.api.runs import load_run
from cinegan_jax.checkpointing.pretrained import restore_networks
from cinegan_jax.config.load import load_config
from cinegan_jax.training.run import Run
from cinegan_jax.training.start import open_checkpoints
from cinegan_jax.training.train import run_training

ARCHIVES = Path(__file__).parent / "old_runs"
STEP = 2


@pytest.fixture(params=["cinegan", "dcgan"])
def workdir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVES / f"{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path / request.param, filter="data")
    return tmp_path / request.param


def saved_arrays(workdir: Path) -> dict[str, np.ndarray]:
    """The arrays as Orbax alone reads them, by the paths of version 0.1."""
    folder = workdir / "checkpoints" / str(STEP) / "state"
    tree = ocp.Checkpointer(ocp.PyTreeCheckpointHandler()).restore(folder)
    return by_path(tree)


def by_path(tree: Any) -> dict[str, np.ndarray]:
    return {
        jax.tree_util.keystr(keys, simple=True, separator="/"): np.asarray(array)
        for keys, array in jax.tree_util.tree_leaves_with_path(tree)
    }


def old_path(path: str) -> str:
    """The path that an array had in version 0.1."""
    path = path.replace("model_state/", "family/")
    path = path.replace("/discriminator/", "/critics/")
    path = path.replace("loss_discriminator", "loss_critics")
    path = path.replace("gradient_norm_discriminator", "gradient_norm_critics")
    return path.replace("/discriminator_", "/critic_")


def test_every_array_is_restored_bit_for_bit(workdir: Path) -> None:
    run = Run(load_config(workdir / "config.json"))
    with open_checkpoints(run, epath.Path(workdir)) as checkpoints:
        restored = checkpoints.restore(run.parallel.to_restore(run.init_state()), None)
    assert restored is not None
    found, saved = by_path(restored.state), saved_arrays(workdir)
    assert {old_path(path) for path in found} == set(saved)
    for path, array in found.items():
        np.testing.assert_array_equal(array, saved[old_path(path)], err_msg=path)


def test_networks_are_restored_for_fine_tuning(workdir: Path) -> None:
    run = Run(load_config(workdir / "config.json"))
    shapes = run.network_shapes()
    found = restore_networks(workdir, {"params": shapes.params, "model_state": shapes.state})
    saved = saved_arrays(workdir)
    for path, array in by_path(found).items():
        np.testing.assert_array_equal(array, saved[old_path(path)], err_msg=path)


def test_the_run_goes_on_from_its_step(workdir: Path) -> None:
    config = load_config(workdir / "config.json", [f"num_steps={STEP + 1}", "parallelism=jit"])
    assert run_training(Run(config), epath.Path(workdir)) == 0
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert {record["step"] for record in records} == {STEP, STEP + 1}
    assert any("loss_discriminator" in record for record in records)


def test_records_have_the_present_names(workdir: Path) -> None:
    (first, *_) = load_run(workdir).metrics
    assert "loss_discriminator" in first
    assert not any("critic" in name for name in first)
