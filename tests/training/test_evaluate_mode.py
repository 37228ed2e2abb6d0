"""Evaluate mode on finished runs."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation import baselines
from cinegan_jax.evaluation.metric_facts import MAIN_METRICS
from cinegan_jax.evaluation.result_file import load
from cinegan_jax.evaluation.scope import Scope
from cinegan_jax.ops.lut import fit_lut
from cinegan_jax.training.evaluate import evaluate
from cinegan_jax.training.run import Run


def test_it_scores_input_lut_and_generator_by_both_protocols(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baselines, "fit_lut", partial(fit_lut, size=5))  # which is quick
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    scope = Scope(size=64, metrics=MAIN_METRICS)
    assert evaluate(Run(runs.config_of(cinegan_settings)), workdir, scope) == 0
    found = load(workdir / "evaluation.json").summaries(metric="psnr")
    means = {(summary.protocol, summary.method): summary.mean for summary in found}
    methods = ("input", "lut", "affine", "generator")
    assert means.keys() == {(p, m) for p in ("filmnet", "native") for m in methods}
    expected = np.mean([psnr(*pair) for pair in held_out(Path(cinegan_settings["data.path"]))])
    assert means["native", "input"] == pytest.approx(expected, abs=1e-3)
    assert means["native", "generator"] != means["native", "input"]
    said = capsys.readouterr().out
    for shown in ("filmnet", "native", "fitted LUT", f"{expected:.2f}"):
        assert shown in said
        assert shown in (workdir / "evaluation.md").read_text()
    for name in ("before_after.png", "worst.jpg"):
        with Image.open(workdir / name) as sheet:
            assert np.ptp(np.asarray(sheet.convert("RGB"))) > 100
    assert "<html" in (workdir / "evaluation.html").read_text()


def held_out(folder: Path) -> list[list[np.ndarray]]:
    sides = [sorted((folder / "test" / side).iterdir()) for side in ("input", "Look")]
    return [[np.asarray(Image.open(path), float) for path in pair] for pair in zip(*sides)]  # noqa: B905


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one - other) ** 2))


def test_a_workdir_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        evaluate(Run(runs.config_of(runs.TOY)), tmp_path / "nowhere")
