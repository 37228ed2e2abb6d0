"""Exit codes of the entry point for mistakes on the command line, which must not be retried."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = {"--config": "configs/gpu.py", "--workdir": "run"}


def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cinegan_jax.main", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--mode=fly"], "--mode=fly: value should be one of <train|evaluate|dry_run>"),
        (["--num_processes=few"], "--num_processes=few: invalid literal for int()"),
        (["--worker=1"], "Unknown command line flag 'worker'"),
        (["--config.batch_sise=8"], "batch_sise"),
        (["stray"], "arguments without a flag: stray"),
        (["--config=nowhere.py"], "nowhere.py"),
        (["--workdir=s3://bucket/run"], "s3://bucket/run"),
    ],
)
def test_a_wrong_flag_is_a_user_error(arguments: list[str], named: str) -> None:
    right = [f"{flag}={value}" for flag, value in RIGHT.items()]
    done = run_main(*right, *arguments)
    assert done.returncode == 2, done.stderr
    assert named in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_missing_flags_are_a_user_error() -> None:
    done = run_main("--mode=train")
    assert done.returncode == 2, done.stderr
    assert "--config" in done.stderr
    assert "Traceback" not in done.stderr
