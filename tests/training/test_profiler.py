"""The trace that `profile_steps` asks for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import runs

from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training


@pytest.fixture
def settings(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs, "num_steps": 14, "evaluate_every_steps": 14}


def start(workdir: Path, settings: dict[str, Any]) -> Path:
    assert run_training(Run(runs.config_of(settings)), workdir) == 0
    return workdir


def traced_steps(workdir: Path) -> set[int]:
    """The numbers of the steps in the workdir's only trace."""
    (file,) = workdir.glob("profile/plugins/profile/*/*.trace.json.gz")
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    return {int(e["args"]["step_num"]) for e in events if e.get("name") == "train"}


def test_the_steps_after_the_warm_up_are_traced_and_none_is_changed(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    plain = start(tmp_path / "plain", settings)
    profiled = start(tmp_path / "profiled", {**settings, "profile_steps": 2})
    assert list(profiled.glob("profile/plugins/profile/*/*.xplane.pb"))
    assert traced_steps(profiled) == {11, 12}
    assert not (plain / "profile").exists()
    assert runs.records(profiled) == runs.records(plain)
    before, after = runs.checkpoint(plain, 14), runs.checkpoint(profiled, 14)
    assert {n: a for n, a in before.items() if n != "meta"} == {
        n: a for n, a in after.items() if n != "meta"
    }


def test_a_run_that_ends_first_leaves_what_it_traced(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    assert traced_steps(start(tmp_path, {**settings, "profile_steps": 100})) == {11, 12, 13, 14}


def test_a_run_too_short_to_be_traced_says_so(
    tmp_path: Path, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    start(tmp_path, {**settings, "num_steps": 10, "profile_steps": 3})
    assert "only 10 are left" in caplog.text
    assert not (tmp_path / "profile").exists()
