import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from flax.traverse_util import flatten_dict
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.export import export_look
from cinegan_jax.inference.look import Look, load_look
from cinegan_jax.inference.look_file import read_look
from cinegan_jax.nets.res_unet import ResUnetGenerator

FORMATS = ("safetensors", "stablehlo", "onnx")


def test_safetensors_is_a_look_file(random_look: Callable[..., Look], tmp_path: Path) -> None:
    look = random_look(ResUnetGenerator(4, 1))
    for precision in ("float32", "float16"):
        path = tmp_path / "new folder" / precision
        export_look(look, path, "safetensors", precision)
        found, wanted = (flatten_dict(k) for k in (read_look(path).kernels, look.kernels))
        assert found.keys() == wanted.keys()
        for name, kernel in wanted.items():
            np.testing.assert_array_equal(found[name], kernel.astype(precision))


@pytest.mark.parametrize("form", FORMATS)
def test_a_failed_write_keeps_the_old_file(
    random_look: Callable[..., Look], tmp_path: Path, form: Any
) -> None:
    look = random_look(ResUnetGenerator(4, 1))
    (tmp_path / "file").write_text("as it was")
    for path in (tmp_path / "file" / "look", tmp_path):
        with pytest.raises(UserError, match="cannot be written") as error:
            export_look(look, path, form)
        assert str(path) in str(error.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"


@pytest.mark.parametrize(("value", "said"), [(7e4, "70000"), (np.nan, "nan"), (-np.inf, "inf")])
def test_kernels_beyond_the_precision_are_refused(
    random_look: Callable[..., Look], tmp_path: Path, value: float, said: str
) -> None:
    look = random_look(ResUnetGenerator(4, 1))
    look.kernels["up1"]["conv"]["kernel"][0, 0, 0, 0] = value
    with pytest.raises(UserError, match=rf"float16.* 65504: .*up1/conv/kernel is {said}"):
        export_look(look, tmp_path / "look", "safetensors")
    assert not list(tmp_path.iterdir())


def test_onnx_not_installed(
    random_look: Callable[..., Look], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "cinegan_jax.inference.export_onnx", raising=False)
    with pytest.raises(UserError, match=r"pip install '\.\[onnx\]'"):
        export_look(random_look(ResUnetGenerator(4, 1)), tmp_path / "look", "onnx")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ("--format", "safetensors", "--look", "classic_neg"),
        ("--format", "onnx", "--weights", "classic_neg.safetensors"),
        ("--format", "safetensors", "--weights", "classic_neg.safetensors", "-o", "again"),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "again",
        "classic_neg.onnx",
        "classic_neg.safetensors",
    ]
    looks = read_look(tmp_path / "again"), load_look("classic_neg")
    found, wanted = (flatten_dict(look.kernels) for look in looks)
    for name, kernel in wanted.items():
        np.testing.assert_array_equal(found[name], kernel)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    for arguments, said in (
        (("--format", "tflite"), "'safetensors', 'stablehlo', 'onnx'"),
        (("--format", "onnx", "--look", "noir"), "classic_neg"),
        (("--format", "onnx", "--workdir", tmp_path), "no workdir of a run"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in " ".join(result.output.replace("│", " ").split())
