"""Resuming with other data is refused; other changes of a config are printed and kept."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs

from cinegan_jax.checkpointing.step_folder import seal_step
from cinegan_jax.core.errors import UserError
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory: pytest.TempPathFactory, small_pairs: dict[str, Any]) -> Path:
    """Workdir of a run of two steps; copy it before going on."""
    workdir = tmp_path_factory.mktemp("identity") / "run"
    start(workdir, {**runs.TOY, **small_pairs, "num_steps": 2})
    return workdir


@pytest.fixture
def workdir(tmp_path: Path, two_steps: Path) -> Path:
    return shutil.copytree(two_steps, tmp_path / "run")


@pytest.fixture
def settings(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs}


@pytest.fixture
def other_pairs(tmp_path: Path) -> str:
    """Write the same number of pairs with other content."""
    return str(runs.write_pairs(tmp_path / "other", np.random.default_rng(77)))


def start(workdir: Path, settings: dict[str, Any]) -> None:
    assert run_training(Run(runs.config_of(settings)), workdir) == 0


def history(workdir: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (workdir / "config_history.jsonl").read_text().splitlines()
    ]


def files(workdir: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(workdir): path.read_bytes()
        for path in workdir.rglob("*")
        if path.is_file() and "compilation_cache" not in path.parts
    }


def test_other_data_are_refused_and_nothing_is_written(
    workdir: Path, settings: dict[str, Any], other_pairs: str
) -> None:
    before = files(workdir)
    with pytest.raises(UserError) as refused:
        start(workdir, {**settings, "data.path": other_pairs})
    text = str(refused.value)
    assert f"config.data.path={settings['data.path']!r} then, {other_pairs!r} now" in text
    assert "set config.data.accept_fingerprint=" in text
    after = files(workdir)
    assert after.keys() == before.keys()
    same = [name for name in before if before[name] == after[name]]
    assert {name.name for name in before.keys() - set(same)} <= {"losses.svg"}


def test_another_look_of_the_same_photos_is_refused(tmp_path: Path) -> None:
    settings = {**runs.TOY, "data.look": "classic_neg"}
    start(tmp_path / "run", {**settings, "num_steps": 2})
    with pytest.raises(UserError, match=r"config.data.look='classic_neg' then, 'velvia' now"):
        start(tmp_path / "run", {**settings, "data.look": "velvia"})


def test_files_that_have_changed_in_their_place_are_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pairs = runs.write_pairs(tmp_path / "pairs", rng)
    settings = {**runs.TOY, "data.path": str(pairs), "data.look": "Look"}
    start(tmp_path / "run", {**settings, "num_steps": 2})
    shutil.copy(pairs / "train" / "Look" / "001.png", pairs / "train" / "Look" / "002.png")
    with (pairs / "train" / "Look" / "002.png").open("ab") as file:
        file.write(b"longer")
    with pytest.raises(UserError, match=r"the files in config.data.path=.* have changed"):
        start(tmp_path / "run", settings)


def test_the_same_data_elsewhere_go_on(
    workdir: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    copied = shutil.copytree(settings["data.path"], tmp_path / "copied")
    start(workdir, {**settings, "data.path": str(copied)})
    assert runs.saved_steps(workdir)[-1] == 4


def test_other_data_that_are_accepted_go_on_and_are_recorded(
    workdir: Path, settings: dict[str, Any], tmp_path: Path, rng: np.random.Generator
) -> None:
    fewer = runs.write_pairs(tmp_path / "fewer", rng, train=17)
    changed = {**settings, "data.path": str(fewer)}
    now = Run(runs.config_of(changed)).data_fingerprint
    before = Run(runs.config_of(settings)).data_fingerprint
    accepted = {**changed, "data.accept_fingerprint": now}
    start(workdir, {**accepted, "num_steps": 3})
    assert history(workdir)[-1]["step"] == 2
    assert history(workdir)[-1]["changed"]["data_fingerprint"] == [before, now]
    assert runs.checkpoint(workdir, 3)["data"]["position"]["batches"] == 1  # of the new data
    start(workdir, {**changed, "num_steps": 4})  # they are the run's own now
    with pytest.raises(UserError, match=f"set config.data.accept_fingerprint={before}"):
        start(workdir, {**accepted, "data.path": settings["data.path"], "num_steps": 5})


def test_a_run_without_a_fingerprint_takes_that_of_its_data(
    workdir: Path, settings: dict[str, Any], other_pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    step = workdir / "checkpoints" / "2"
    meta = json.loads((step / "meta" / "metadata").read_text())
    del meta["meta"]["data_fingerprint"]
    (step / "meta" / "metadata").write_text(json.dumps(meta))
    seal_step(step)
    start(workdir, settings)
    fingerprint = Run(runs.config_of(settings)).data_fingerprint
    assert f"it takes that of the present: {fingerprint}" in capsys.readouterr().out
    with pytest.raises(UserError, match="was trained on other data"):
        start(workdir, {**settings, "data.path": other_pairs, "num_steps": 6})


def test_changed_keys_are_printed_and_kept(
    workdir: Path, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rate = "optimizers.generator.learning_rate"
    start(workdir, {**settings, rate: 0.5})
    said = capsys.readouterr().out
    assert f"config.{rate}: 0.001 -> 0.5 from step 2" in said
    assert "config.num_steps: 2 -> 4 from step 2" in said
    start(workdir, {**settings, rate: 0.25, "num_steps": 6})
    start(workdir, {**settings, rate: 0.25, "num_steps": 6})  # the same: no record
    records = history(workdir)
    assert [(each["step"], each["changed"]) for each in records] == [
        (2, {rate: [1e-3, 0.5], "num_steps": [2, 4]}),
        (4, {rate: [0.5, 0.25], "num_steps": [4, 6]}),
    ]
    written = json.loads((workdir / "config.json").read_text())
    assert written["optimizers"]["generator"]["learning_rate"] == 0.25


def test_a_run_started_again_as_it_was_has_no_history(
    workdir: Path, settings: dict[str, Any]
) -> None:
    start(workdir, {**settings, "num_steps": 2})
    assert not (workdir / "config_history.jsonl").exists()


def test_a_config_of_a_newer_version_is_not_overwritten(
    workdir: Path, settings: dict[str, Any]
) -> None:
    file = workdir / "config.json"
    newer = json.dumps({**json.loads(file.read_text()), "config_version": 99})
    file.write_text(newer)
    with pytest.raises(UserError, match="config_version=99"):
        start(workdir, settings)
    assert file.read_text() == newer
