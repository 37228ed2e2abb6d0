"""The command `cinegan evaluate`; `cinegan compare` is tested beside its comparison."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.evaluation import methods
from cinegan_jax.evaluation.result import load
from cinegan_jax.metrics.registry import MAIN_METRICS, PAIRED_METRICS
from cinegan_jax.ops.lut import fit_lut

QUICKLY = ["--protocol", "native"]
QUICKLY += [f"--without={name}" for name in PAIRED_METRICS if name not in MAIN_METRICS]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small LUT, and a folder of its own for programs and results."""
    monkeypatch.setattr(methods, "fit_lut", partial(fit_lut, size=5))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def results(small_pairs: dict[str, Any], tmp_path: Path) -> Path:
    """The targets of the test split as if they were a program's results."""
    folder = tmp_path / "results"
    shutil.copytree(Path(small_pairs["data.path"]) / "test" / "Look", folder)
    return folder


def _evaluate(small_pairs: dict[str, Any], target: Path, *options: str) -> Result:
    pairs = ["--data", small_pairs["data.path"], "--look", "Look"]
    return CliRunner().invoke(app, ["evaluate", str(target), *pairs, *QUICKLY, *options])


def test_a_folder_of_results_is_scored_and_everything_written(
    small_pairs: dict[str, Any], results: Path, tmp_path: Path
) -> None:
    Image.open(results / "001.png").point(lambda level: 255 - level).save(results / "001.png")
    said = _evaluate(small_pairs, results)
    assert said.exit_code == 0, said.output
    folder = tmp_path / "results-evaluation"
    found = load(folder / "evaluation.json")
    psnr = {score.name: score.scores["psnr"] for score in found.select(method="generator")}
    assert psnr["000"] == np.inf
    assert psnr["001"] < 10
    assert [score.method for score in found.photos[:4]] == ["input", "lut", "affine", "generator"]
    assert found.photos[0].scores.keys() == set(MAIN_METRICS)
    assert "native, against the target: 2 photos" in said.stdout
    for name in ("evaluation.md", "evaluation.html", "before_after.png", "worst.jpg"):
        assert (folder / name).stat().st_size > 500
        assert name in said.stdout


def test_a_pair_without_a_result_is_named(
    small_pairs: dict[str, Any], results: Path, tmp_path: Path
) -> None:
    (results / "001.png").unlink()
    said = _evaluate(small_pairs, results, "-o", str(tmp_path / "out"))
    assert said.exit_code == 0, said.output
    assert "1 left out: 001 (there is no result of that name" in said.stdout
    assert (tmp_path / "out" / "evaluation.json").exists()


def test_required_metrics_cannot_be_left_out(small_pairs: dict[str, Any], results: Path) -> None:
    said = _evaluate(small_pairs, results, "--without", "psnr")
    assert said.exit_code == 2
    assert "--without psnr: choose from histogram, random_features" in said.stderr
