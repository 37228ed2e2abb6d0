"""Whole runs: fine-tuning, divergence, full disks and broken images."""

import contextlib
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.device_prefetch import DevicePrefetch
from cinegan_jax.training.fine_tuning import with_networks_of
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

STILL = {"optimizers.generator.learning_rate": 0.0, "optimizers.discriminator.learning_rate": 0.0}


@pytest.fixture
def toy(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs, "ema_decay": 0.9}


def start(settings: dict[str, Any], workdir: Path) -> Path:
    assert run_training(Run(runs.config_of(settings)), workdir) == 0
    return workdir


def part(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    found = {path: array for path, array in arrays.items() if path.startswith(f"['{name}']")}
    assert found, f"no {name}"
    return found


def as_saved(state: Any) -> dict[str, Any]:
    """The arrays of a state as `runs.checkpoint` gives them."""
    tree = {name: getattr(state, name) for name in ("params", "model_state", "ema")}
    leaves = jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
    return {
        jax.tree_util.keystr(path): (leaf.dtype, leaf.shape, leaf.tobytes())
        for path, leaf in leaves
    }


def test_a_run_leaves_what_a_person_looks_for(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert names == {
        "checkpoints",
        "config.json",
        "losses.svg",
        "metrics.jsonl",
        "samples",
        "tensorboard",
        "versions.json",
    }
    assert [r["step"] for r in runs.records(trained)] == [2, 4, 4]
    assert (trained / "samples" / "0000004.png").exists()
    said = trained.with_name(f"{trained.name}.log").read_text()
    assert "step 4/4  epoch 0.80" in said
    assert not re.search(r"warn|^W\d{4} ", said, re.IGNORECASE | re.MULTILINE), said


@pytest.mark.parametrize("source", ["", "nowhere"])
def test_the_batches_are_closed_however_a_run_ends(
    source: str, tmp_path: Path, toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[DevicePrefetch] = []
    monkeypatch.setattr(DevicePrefetch, "close", lambda batches: closed.append(batches))
    with pytest.raises(UserError) if source else contextlib.nullcontext():
        start({**toy, "restore_from": source}, tmp_path / "run")
    assert len(closed) == 1
    monkeypatch.undo()
    closed[0].close()


def test_fine_tuning_starts_from_the_networks_with_new_optimizers(
    trained: Path, cinegan_settings: dict[str, Any]
) -> None:
    run = Run(runs.config_of({**cinegan_settings, "losses.total_variation": 20.0, "seed": 1}))
    fresh = run.init_state()
    state = with_networks_of(trained, fresh)
    saved, found = runs.checkpoint(trained, 4), as_saved(state)
    for name in ("params", "model_state", "ema"):
        assert part(found, name) == part(saved, name)
    assert part(found, "ema").values() != part(found, "params").values()
    for new, expected in zip(
        jax.tree.leaves((state.optimizers, state.step, state.key)),
        jax.tree.leaves((fresh.optimizers, fresh.step, fresh.key)),
        strict=True,
    ):
        np.testing.assert_array_equal(new, expected)


def test_fine_tuning_trains_what_it_took(tmp_path: Path, toy: dict[str, Any]) -> None:
    source = start(toy, tmp_path / "source")
    settings = {**toy, "restore_from": str(source), "seed": 1}
    still = start({**settings, **STILL}, tmp_path / "still")
    moved = start(settings, tmp_path / "moved")
    given, kept, trained = (
        part(runs.checkpoint(workdir, 4), "params") for workdir in (source, still, moved)
    )
    assert kept == given
    assert all(trained[path] != given[path] for path in given)


@pytest.mark.parametrize(
    "family",
    [
        "toy_latent",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("dcgan", "image_gan")),
    ],
)
def test_fine_tuning_a_latent_family_takes_the_statistics_and_the_average_too(
    tmp_path: Path, family: str
) -> None:
    settings = {**runs.TINY_OF_LATENTS[family], "ema_decay": 0.9}
    source = start(settings, tmp_path / "source")
    fresh = Run(runs.config_of({**settings, "seed": 1})).init_state()
    saved = runs.checkpoint(source, 4)
    found, untrained = (as_saved(each) for each in (with_networks_of(source, fresh), fresh))
    for name in ("params", "model_state", "ema"):
        assert part(found, name) == part(saved, name)
        assert part(found, name) != part(untrained, name)
    averages = {path.replace("ema", "params", 1): a for path, a in part(found, "ema").items()}
    assert any(part(found, "params")[path] != average for path, average in averages.items())


def test_an_average_starts_from_the_networks_of_a_run_without_one(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    source = start({**toy, "ema_decay": 0.0}, tmp_path / "source")
    state = with_networks_of(source, Run(runs.config_of(toy)).init_state())
    params, average = state.params["generator"], state.ema["generator"]
    assert params.keys() == average.keys()
    for name in params:
        np.testing.assert_array_equal(params[name], average[name])
        assert params[name] is not average[name]  # a donated buffer must not be both


def test_a_source_that_cannot_be_is_named(
    tmp_path: Path, toy: dict[str, Any], trained: Path
) -> None:
    for source, named in [
        (tmp_path / "nowhere", "no run in .*nowhere"),
        (trained, "params/generator/matrix: saved nothing, wanted float32"),
        (tmp_path / "run", "restore_from=.*run is the workdir"),
    ]:
        with pytest.raises(UserError, match=named):
            start({**toy, "restore_from": str(source)}, tmp_path / "run")


def test_a_run_that_diverges_stops_with_names_and_the_last_good_step(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    settings = {**toy, **dict.fromkeys(STILL, 1e30), "num_steps": 30, "max_nonfinite_steps": 4}
    started = runs.Started(tmp_path / "run", settings)
    assert started.exit_code() == 2
    error = started.said.splitlines()[-1]
    assert error.startswith("error: not finite for ")
    assert "for 5 steps in a row, up to step 6: " in error
    assert "loss_discriminator" in error
    assert f"is of step {runs.saved_steps(tmp_path / 'run')[-1]}." in error
    assert "Traceback" not in started.said
    saved = runs.checkpoint(tmp_path / "run", runs.saved_steps(tmp_path / "run")[-1])
    for dtype, _, content in part(saved, "params").values():
        assert np.isfinite(np.frombuffer(content, dtype)).all()


@pytest.fixture
def filling(mount_disk: Callable[[str], Path]) -> Path:
    """A workdir on a disk with room for a checkpoint or two."""
    return mount_disk("400k") / "run"


def test_a_full_disk_is_reported_and_the_run_goes_on(
    filling: Path, tmp_path: Path, toy: dict[str, Any]
) -> None:
    settings = {**toy, "num_steps": 20, "checkpoint_every_steps": 2}
    started = runs.Started(filling, settings, log=tmp_path / "log")
    assert started.exit_code() == 4, started.said  # the last step is not saved
    said, last_good = started.said, runs.saved_steps(filling)[-1]
    assert last_good < 20
    assert f"the last good one is of step {last_good}. Training goes on" in said
    assert_closes_with_one_line(said, f"of step 20, could not be written .* of step {last_good}\\.")
    assert "step 20/20" in said
    whole, moved = tmp_path / "whole", tmp_path / "moved"
    shutil.copytree(filling, moved)
    assert f"continuing from step {last_good}\n" in runs.run_to_end(moved, settings)
    runs.run_to_end(whole, settings)
    assert runs.checkpoint(moved, 20) == runs.checkpoint(whole, 20)


def test_a_full_disk_ends_the_run_where_asked(
    filling: Path, tmp_path: Path, toy: dict[str, Any]
) -> None:
    settings = {**toy, "num_steps": 20, "checkpoint_every_steps": 2, "on_disk_full": "stop"}
    started = runs.Started(filling, settings, log=tmp_path / "log")
    assert started.exit_code() == 4
    last_good = runs.saved_steps(filling)[-1]
    assert_closes_with_one_line(
        started.said, f"The disk is full: .* last good one is of step {last_good}\\."
    )


def assert_closes_with_one_line(said: str, pattern: str) -> None:
    """Check the last line, and that no library speaks of the same failure."""
    assert re.search(f"^error: .*{pattern}", said.splitlines()[-1])
    assert "Traceback" not in said
    assert "start again to continue." not in said  # which follows a step that is saved


@pytest.mark.parametrize("policy", ["continue", "stop"])
def test_sigterm_on_a_full_disk_is_no_preemption(
    filling: Path, tmp_path: Path, toy: dict[str, Any], policy: str
) -> None:
    settings = {**toy, "num_steps": 100_000, "checkpoint_every_steps": 90_000}
    log = tmp_path / "log"
    started = runs.Started(filling, {**settings, "on_disk_full": policy}, log=log)
    started.wait_for(lambda: log.exists() and "step 2/" in started.said)
    with (filling / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(2**12)):
            pass
    started.signal(signal.SIGTERM)
    assert started.exit_code() == 4
    assert runs.saved_steps(filling) == []
    assert_closes_with_one_line(started.said, "could not be written .*; no checkpoint exists yet")


@pytest.fixture
def shelf(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, dict[str, Any]]:
    """150 training pairs of one's own to break, and the settings that name them."""
    folder = runs.write_pairs(tmp_path / "pairs", rng, train=150)
    settings = {**runs.TOY, "data.path": str(folder), "data.look": "Look", "num_steps": 19}
    return folder, settings


def truncate(image: Path) -> None:
    image.write_bytes(image.read_bytes()[:-500])


def test_a_truncated_image_is_named_and_replaced(
    tmp_path: Path, shelf: tuple[Path, dict[str, Any]]
) -> None:
    folder, settings = shelf
    truncate(folder / "train" / "Look" / "033.png")
    said = runs.run_to_end(tmp_path / "run", settings)
    assert said.count("A broken example is replaced by the next one") == 1
    assert "Look/033.png" in said
    assert "step 19/19" in said


def test_too_many_truncated_images_end_the_run(
    tmp_path: Path, shelf: tuple[Path, dict[str, Any]]
) -> None:
    folder, settings = shelf
    for number in range(40, 60):
        truncate(folder / "train" / "input" / f"{number:03}.png")
    started = runs.Started(tmp_path / "run", settings)
    assert started.exit_code() == 2
    error = started.said.splitlines()[-1]
    assert error.startswith("error: 11 of 150 pairs are broken, more than the 10 that ")
    assert error.count(".png") == 10
    assert "Traceback" not in started.said
