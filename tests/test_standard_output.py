"""Standard output that is full or closed: no command ends with a traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax import cli

CINEGAN = [sys.executable, "-m", "cinegan_jax.cli"]
COMMANDS = {
    "help of all": ["--help"],
    "help of one": ["collect", "download", "--help"],
    "a table": ["looks"],
    "a card": ["looks", "velvia"],
}


MESSAGE = "cinegan: standard output or the disk of the results: No space left on device\n"


def run(arguments: list[str], output: int, buffered: bool = True) -> tuple[int, str]:
    """Return exit code and standard error."""
    ran = subprocess.run(
        CINEGAN + arguments,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"},
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_full_output_is_named(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        assert run(arguments, full.fileno()) == (1, MESSAGE)


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_pipe_is_silent(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert run(arguments, writing) == (1, "")
    os.close(writing)


def test_output_without_a_buffer() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert run(["looks", "velvia"], writing, buffered=False) == (1, "")
    os.close(writing)
    with Path("/dev/full").open("wb") as full:
        assert run(["looks"], full.fileno(), buffered=False) == (1, MESSAGE)


def test_photos_are_developed_though_the_summary_cannot_be_printed(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(photo)
    with Path("/dev/full").open("wb") as full:
        code, error = run(["apply", str(photo), "--strength", "0"], full.fileno())
    assert code == 1
    assert error.endswith(MESSAGE)
    assert (tmp_path / "a_classic_neg.png").read_bytes()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_without_the_name_of_a_file_is_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> bool:
        raise OSError(number, "The disk is full")

    monkeypatch.setattr(Path, "is_dir", fail)
    result = CliRunner().invoke(cli.app, ["lut", "-o", "a.cube"])
    assert result.exit_code == 1
    assert result.stderr.endswith("the disk of the results: The disk is full\n")
