"""Mistakes with paths and missing packages: one line and exit code 2, never a traceback."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.darkroom.find import PhotoSearch
from cinegan_jax.darkroom.outcomes import Outcome

LONG = "x" * 300  # longer than any file system takes


def invoke(arguments: str) -> Result:
    return CliRunner().invoke(app, arguments.split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("apply a.png --weights run", "run is no workdir of a run: it has no config.json"),
        ("sample run", "run is no workdir of a run: it has no config.json"),
        ("apply a.png --weights gs://", "gs:// names no bucket: give gs://BUCKET/FOLDER"),
        ("sample gs:///", "names no bucket: give gs://BUCKET/FOLDER"),
        (f"apply a.png -o {LONG}.png", "File name too long"),
        (f"apply a.png -o {LONG}/b.png", "File name too long"),
        (f"lut -o {LONG}.cube", "File name too long"),
        (f"lut --photos {LONG}", "File name too long"),
        (f"sample {LONG}", "is no workdir of a run"),
    ],
)
def test_a_path_that_cannot_be_used_is_named(
    write_photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "a.png")
    (tmp_path / "run" / "config.json").mkdir(parents=True)
    result = invoke(arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_the_system_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    result = invoke(f"lut --photos {tmp_path}")
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)
    assert "Permission denied" in result.stderr


def test_an_error_without_a_file_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bool:
        raise OSError("a defect")

    monkeypatch.setattr(Path, "is_dir", fail)
    assert str(invoke("lut -o a.cube").exception) == "a defect"


def test_a_name_that_the_system_refuses_does_not_stop_the_search(
    write_photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "a.png")
    first, second = PhotoSearch().photos([Path(LONG), photo])
    assert isinstance(first, Outcome)
    assert (first.status, first.reason) == ("failed", "cannot be read: File name too long")
    assert second.path == photo


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "python_multipart"])
def test_a_missing_package_of_the_server_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("cinegan_jax.web.")]:
        if name != "cinegan_jax.web.cli":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    result = invoke(f"serve --port 0 --weights {os.devnull}")
    assert result.exit_code == 2
    assert f"the page needs {package}: pip install '.[serve]'" in result.stderr
