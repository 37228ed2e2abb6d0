"""The family that docs/design.md adds as an example, through everything that a run does."""

import json
from pathlib import Path

import jax
import ml_collections
import numpy as np
import pytest
import runs
import third_family
from agreement import largest_gap
from etils import epath
from PIL import Image

from cinegan_jax.config.load import default_config
from cinegan_jax.families.registry import FAMILIES, FamilyEntry
from cinegan_jax.training.partitioning import make_partitioner
from cinegan_jax.training.pmap import Pmap
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> ml_collections.ConfigDict:
    """Return the config of a shrunk run of the family."""
    entry = FamilyEntry(third_family.DenseGanConfig(), third_family.build)
    monkeypatch.setitem(FAMILIES, "dense_gan", entry)  # type: ignore[arg-type]
    config = default_config("dense_gan")
    config.generator.width = 16
    config.data.size = 32
    config.batch_size = 8
    config.num_steps = 4
    config.ema_decay = 0.9
    config.evaluate_pairs = 8
    config.health.every_steps = 2
    for every in ("log", "sample", "evaluate", "checkpoint"):
        config[f"{every}_every_steps"] = 2
    return config


def test_the_page_shows_this_very_family() -> None:
    assert Path(third_family.__file__).read_text() in DESIGN.read_text()


def test_a_run_of_it_scores_shows_and_resumes(
    config: ml_collections.ConfigDict, tmp_path: Path
) -> None:
    workdir = epath.Path(tmp_path)
    for steps in (2, 4):
        config.num_steps = steps
        assert run_training(Run(config), workdir) == 0
    records = runs.records(tmp_path)
    assert [record["step"] for record in records if "loss_discriminator" in record] == [2, 4]
    assert all(np.isfinite(r["feature_distance"]) for r in records if "feature_distance" in r)
    assert runs.saved_steps(tmp_path) == [2, 4]
    health = [json.loads(line) for line in (tmp_path / "health.jsonl").read_text().splitlines()]
    assert any("discriminator/accuracy_real" in str(record) for record in health)
    grids = sorted((tmp_path / "samples").glob("*.png"))
    assert len(grids) == 2
    assert np.asarray(Image.open(grids[-1])).std() > 1


def test_eight_devices_take_its_steps_as_one(
    config: ml_collections.ConfigDict, rng: np.random.Generator
) -> None:
    run, ends = Run(config), []
    batch = {"target": rng.integers(0, 256, (8, 32, 32, 3), np.uint8)}
    fresh = run.init_state()
    for partitioning in (make_partitioner("jit", 1, False), Pmap()):
        step = partitioning.compile(run.make_step, fresh)
        state = step(partitioning.place_state(fresh), None, partitioning.place_batch(batch))
        ends.append(jax.device_get(partitioning.to_save(state)))
    alone, spread = ends
    assert largest_gap(alone.params, fresh.params) > 5e-5
    for part in ("params", "optimizers", "ema"):
        assert largest_gap(getattr(spread, part), getattr(alone, part)) < 1e-5, part
