"""Runs that are killed, stopped by a signal or damaged, then resumed, in real processes."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

LAST = 30
TOY: dict[str, Any] = {
    **runs.TOY,
    "num_steps": LAST,
    "log_every_steps": 2,  # out of step with the checkpoints: the means go on across a kill
    "sample_every_steps": 20,
    "evaluate_every_steps": 10,
    "checkpoint_every_steps": 3,
    "ema_decay": 0.9,
}
SHORT = {
    "num_steps": 24,
    "log_every_steps": 2,
    "sample_every_steps": 12,
    "evaluate_every_steps": 12,
    "checkpoint_every_steps": 5,
    "ema_decay": 0.9,
    "health.every_steps": 4,
    "health.stalled_input.action": "off",  # which a busy machine decides
}


@pytest.fixture(scope="module")
def toy(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return TOY | small_pairs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, toy: dict[str, Any]) -> Path:
    """A run never killed."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    runs.run_to_end(workdir, toy)
    assert runs.saved_steps(workdir)[-1] == LAST
    return workdir


def assert_same_end(workdir: Path, whole: Path) -> None:
    """The last checkpoint bit for bit, and every record but its timing."""
    last = runs.saved_steps(whole)[-1]
    assert runs.checkpoint(workdir, last) == runs.checkpoint(whole, last)
    assert runs.records(workdir) == runs.records(whole)


def being_written(workdir: Path) -> set[int]:
    """The folders of checkpoints that have no final name, by their inodes."""
    folders = (workdir / "checkpoints").glob("*.orbax-checkpoint-tmp*")
    return {folder.stat().st_ino for folder in folders}


def kill(started: runs.Started) -> None:
    started.signal(signal.SIGKILL)
    assert started.exit_code() == -signal.SIGKILL


def test_killed_at_random_a_run_ends_as_one_never_killed(
    tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    rng, workdir = random.Random(20240229), tmp_path / "run"
    for _ in range(3):
        wanted = len(runs.records(workdir)) + rng.randint(1, 4)
        started = runs.Started(workdir, toy)
        started.wait_for(lambda wanted=wanted: len(runs.records(workdir)) >= wanted)
        time.sleep(rng.uniform(0.0, 0.1))  # anywhere in the step; the result must not depend on it
        kill(started)
    runs.run_to_end(workdir, toy)
    assert_same_end(workdir, whole)


def test_killed_while_a_checkpoint_is_written_a_run_ends_as_one_never_killed(
    tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    workdir = tmp_path / "run"
    cut_short: list[int] = []
    while len(cut_short) < 2:
        left = being_written(workdir)
        started = runs.Started(workdir, toy)
        started.wait_for(lambda left=left: bool(being_written(workdir) - left))
        kill(started)
        cut_short += being_written(workdir) - left
    said = runs.run_to_end(workdir, toy)
    assert said.count("was left unfinished; it is now") == 2
    assert_same_end(workdir, whole)


def test_a_cinegan_killed_under_the_real_command_ends_as_one_never_killed(
    tmp_path: Path, cinegan_settings: dict[str, Any], trained: Path
) -> None:
    workdir = tmp_path / "run"
    command = [sys.executable, "-m", "cinegan_jax.main", *runs.flags_of(workdir, cinegan_settings)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        while process.poll() is None and not runs.saved_steps(workdir):
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert "continuing from step 2\n" in runs.run_to_end(workdir, cinegan_settings)
    assert_same_end(workdir, trained)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dcgan", "image_gan"])
def test_a_latent_family_killed_and_then_stopped_ends_as_if_never_stopped(
    tmp_path: Path, family: str
) -> None:
    settings = {**runs.TINY_OF_LATENTS[family], **SHORT}
    whole, workdir = tmp_path / "whole", tmp_path / "run"
    runs.run_to_end(whole, settings)
    started = runs.Started(workdir, settings)
    started.wait_for(lambda: bool(runs.saved_steps(workdir)))
    kill(started)
    saved = runs.saved_steps(workdir)[-1]
    started = runs.Started(workdir, settings)
    started.wait_for(lambda: f"continuing from step {saved}\n" in started.said)
    started.signal(signal.SIGTERM)
    assert started.exit_code() == 75
    assert saved < runs.saved_steps(workdir)[-1] < SHORT["num_steps"]
    runs.run_to_end(workdir, settings)
    assert_same_end(workdir, whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_run_saves_within_a_step_and_resumes(
    number: int, code: int, tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    workdir, settings = tmp_path / "run", {**toy, "log_every_steps": 1}
    started = runs.Started(workdir, settings)
    started.wait_for(lambda: len(runs.records(workdir)) >= 4)
    started.signal(signal.SIGSTOP)  # so that the step it is at can be known
    at = runs.records(workdir)[-1]["step"]
    started.signal(number)
    started.signal(signal.SIGCONT)
    assert started.exit_code() == code
    saved = runs.saved_steps(workdir)[-1]
    assert at <= saved <= at + 1
    assert f"Step {saved} is saved; start again to continue" in started.said
    runs.run_to_end(workdir, settings)
    assert f"continuing from step {saved}\n" in started.said
    steps = [r["step"] for r in runs.records(workdir) if "l1" in r]
    assert steps == list(range(1, LAST + 1))
    final, expected = (runs.checkpoint(folder, LAST) for folder in (workdir, whole))
    assert {k for k in final if final[k] != expected[k]} <= {"meta"} | windows(final)


def windows(arrays: dict[str, Any]) -> set[str]:
    """The arrays that depend on how often the run logs."""
    return {name for name in arrays if "window" in name}


def test_a_run_stopped_while_it_compiles_saves_its_first_step(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    workdir = tmp_path / "run"
    started = runs.Started(workdir, toy)
    started.wait_for(lambda: (workdir / "versions.json").exists())
    started.signal(signal.SIGTERM)
    assert started.exit_code() == 75
    assert runs.saved_steps(workdir) == [1]


def test_a_truncated_checkpoint_is_set_aside_and_the_one_before_is_used(
    tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    victim = max((workdir / "checkpoints" / str(LAST)).rglob("d/*"), key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-7])
    said = runs.run_to_end(workdir, toy)
    assert f"checkpoints/{LAST} is damaged: missing or changed: " in said
    assert victim.name in said
    assert (workdir / "checkpoints" / f"damaged-{LAST}").is_dir()
    assert f"continuing from step {LAST - 3}\n" in said
    assert_same_end(workdir, whole)


def test_a_finished_run_has_nothing_left_to_do(
    tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    assert f"nothing left to do after step {LAST}" in runs.run_to_end(workdir, toy)
    assert_same_end(workdir, whole)


def test_other_arrays_than_saved_are_named(
    tmp_path: Path, toy: dict[str, Any], whole: Path
) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    with pytest.raises(UserError, match=r"ema/generator/matrix: saved float32.*wanted nothing"):
        run_training(Run(runs.config_of({**toy, "ema_decay": 0.0})), workdir)
