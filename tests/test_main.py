"""The entry point: its flags, and what it says of a config that cannot work."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import runs

from cinegan_jax.core.errors import UserError
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

CONFIG = "--config=configs/cpu_demo.py"
WORKDIR = "--workdir=nowhere"


def enter(*flags: str) -> tuple[int, str]:
    """Exit code and all that `python -m cinegan_jax.main` says."""
    command = [sys.executable, "-m", "cinegan_jax.main", *flags]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_help_names_the_flags() -> None:
    _, said = enter("--help")
    for flag in ("--config", "--workdir", "--mode: <train|evaluate|dry_run>", "--num_processes"):
        assert flag in said


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ([], "--config must have a value"),
        ([CONFIG], "--workdir must have a value"),
        ([CONFIG, WORKDIR, "--mode=paint"], "train|evaluate|dry_run"),
        ([CONFIG, WORKDIR, "--config.batch_size=many"], "config.batch_size=many"),
        ([CONFIG, WORKDIR, "train"], "without a flag: train"),
        ([CONFIG, WORKDIR, "--wrkdir=there"], "wrkdir"),
    ],
)
def test_wrong_flags_are_named(flags: list[str], named: str) -> None:
    code, said = enter(*flags)
    assert code == 2
    assert named in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--config.batch_sze=3"], "config.batch_sze is not a key .* are: batch_size"),
        (["--config.data.siz", "3"], "config.data.siz is not a key .* are: data.size"),
        (
            ["--config.learning_rate=1"],
            "optimizers.discriminator.learning_rate, optimizers.generator",
        ),
        (["--noconfig.generator.residul"], "config.generator.residul .* generator.residual"),
        (["--config.generator.depth.blocks=3"], "config.generator.depth.blocks is not a key"),
        (["--config.data=samples"], "config.data is not a key .* data.path"),
        (["--config.xyzzy=3"], "valid ones are: accumulate_steps, .*batch_size, .*vgg19_file"),
    ],
)
def test_an_unknown_key_is_a_line_with_the_nearest(flags: list[str], line: str) -> None:
    code, said = enter(CONFIG, WORKDIR, *flags)
    assert code == 2
    assert re.fullmatch(f"error: .*{line}.*\n", said)


def test_a_missing_config_file_is_a_line() -> None:
    code, said = enter("--config", "configs/tpu_v4_8.py", WORKDIR)
    assert (code, said.count("\n")) == (2, 1)
    assert "configs/tpu_v4_8.py" in said


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"family": "biggan"}, "family='biggan' is not one of .*cinegan"),
        ({"precision": "f16"}, "precision='f16' is not one of bf16, f32"),
        ({"data.look": "sepia"}, "'sepia' is not one of cinema, classic_neg, .*velvia"),
        ({"data.crop": "pad"}, "'pad'.* crop, short_side, centre, squash"),
        ({"data.size": 100}, "size=100 must be a multiple of 8"),
        ({"data.path": "no/such"}, "'no/such'"),
        ({"batch_size": 12}, "batch_size=12 .* 8 devices"),
        ({"batch_size": 8, "accumulate_steps": 2}, "multiple of 16"),
        ({"batch_size": 4096}, "training pairs .* 4096"),
        ({"generator.width": 0}, "generator.width=0"),
        ({"log_every_steps": 0}, "log_every_steps=0"),
        ({"generator.norm": "batch"}, "generator.norm='batch' is not one of instance, layer"),
        ({"generator.colour_table": 33}, "colour_table=33 needs config.generator.residual=True"),
        ({"generator.glow_path": 8}, "glow_path=8 needs config.generator.colour_path"),
        ({"optimizers.generator.learning_rate": -1.0}, "learning_rate=-1.0 must be 0 or more"),
        ({"optimizers.discriminator.beta1": 1.0}, "beta1=1.0 must be 0 or more, less than 1"),
        ({"num_steps": -1}, "num_steps=-1"),
        ({"num_steps": 0, "num_epochs": 0.01}, "num_epochs=0.01"),
        ({"best_metric": "fid"}, "best_metric='fid' is not one of psnr"),
        ({"on_disk_full": "shrug"}, "on_disk_full='shrug' is not one of continue, stop"),
        ({"optimizers.generator.schedule": "step"}, "'step' is not one of constant, linear"),
        ({"optimizers.discriminator.warmup_steps": 9}, "warmup_steps=9 .* 4 steps"),
        ({"losses.perceptual": 1.0}, "vgg19.safetensors.*cinegan convert vgg19 --download"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_impossible_settings_stop_at_once(
    settings: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=named):
        run_training(Run(runs.config_of({**runs.TINY, **settings})), tmp_path)
    assert runs.saved_steps(tmp_path) == []


def test_a_workdir_that_is_a_file_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "notes.txt"
    taken.write_text("taken")
    with pytest.raises(UserError, match=r"notes\.txt"):
        run_training(Run(runs.config_of(runs.TOY)), taken)


def test_an_error_of_the_user_is_a_line_and_code_2(tmp_path: Path) -> None:
    started = runs.Started(tmp_path / "run", {**runs.TINY, "precision": "f16"})
    assert started.exit_code() == 2
    assert started.said.splitlines()[-1] == "error: config.precision='f16' is not one of bf16, f32"
    assert "Traceback" not in started.said


def test_each_mode_is_entered(tmp_path: Path, small_pairs: dict[str, Any]) -> None:
    workdir, settings = tmp_path / "run", {**runs.TOY, **small_pairs}
    assert "dry run of" in runs.run_to_end(workdir, settings, "dry_run")
    assert not workdir.exists()
    assert "step 4/4" in runs.run_to_end(workdir, settings, "train")
    assert "held-out PSNR" in runs.run_to_end(workdir, settings, "evaluate")
    assert (workdir / "before_after.png").exists()
