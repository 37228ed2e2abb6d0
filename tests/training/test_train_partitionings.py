"""Whole runs by each partitioning: saved, gone on with, and taken up by another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

WAYS = {
    "jit": {"parallelism": "jit"},
    "pjit": {"parallelism": "pjit"},
    "spread": {"parallelism": "pjit", "shard_optimizer": True},
}


def start(workdir: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The arrays of the last checkpoint."""
    assert run_training(Run(runs.config_of(settings)), workdir) == 0
    return runs.checkpoint(workdir, settings["num_steps"])


@pytest.fixture
def toy(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs, "ema_decay": 0.9}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_in_two_parts_ends_as_one(tmp_path: Path, toy: dict[str, Any], way: str) -> None:
    settings = {**toy, **WAYS[way]}
    whole = start(tmp_path / "whole", settings)
    start(tmp_path / "parts", {**settings, "num_steps": 2})
    assert start(tmp_path / "parts", settings) == whole


def test_a_checkpoint_of_one_partitioning_is_resumed_by_another(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    start(tmp_path / "run", {**toy, **WAYS["spread"], "num_steps": 2})
    moved = start(tmp_path / "run", {**toy, "parallelism": "pmap"})
    params = [array for path, array in moved.items() if path.startswith("['params']")]
    assert params
    for dtype, _, content in params:
        assert np.isfinite(np.frombuffer(content, dtype)).all()


def test_images_too_small_for_their_rows_are_refused(tmp_path: Path, toy: dict[str, Any]) -> None:
    settings = {**toy, "parallelism": "pjit", "spatial": 2}
    with pytest.raises(UserError, match=r"data.size=32 is too small for config.spatial=2.*32 rows"):
        start(tmp_path / "run", settings)
