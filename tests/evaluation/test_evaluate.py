"""The one function that evaluates, on finished runs."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation import methods
from cinegan_jax.evaluation.evaluate import evaluate
from cinegan_jax.evaluation.result import load
from cinegan_jax.evaluation.tables import print_result
from cinegan_jax.metrics.registry import MAIN_METRICS, PAIRED_METRICS
from cinegan_jax.ops.lut import fit_lut

SLOW_METRICS = [name for name in PAIRED_METRICS if name not in MAIN_METRICS]


def test_a_workdir_is_scored_by_both_protocols_and_everything_written(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(methods, "fit_lut", partial(fit_lut, size=5))  # which is quick
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    config = runs.config_of(cinegan_settings)
    evaluation = evaluate(workdir, config=config, without=SLOW_METRICS)
    assert load(workdir / "evaluation.json") == evaluation
    print_result(evaluation)
    found = evaluation.summaries(metric="psnr")
    means = {(summary.protocol, summary.method): summary.mean for summary in found}
    names = ("input", "lut", "affine", "generator")
    assert means.keys() == {(p, m) for p in ("filmnet", "native") for m in names}
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
        evaluate(tmp_path / "nowhere", config=runs.config_of(runs.TOY))
    assert not (tmp_path / "nowhere").exists()
