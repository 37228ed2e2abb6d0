"""Evaluate mode on finished runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from PIL import Image

from cinegan_jax.errors import UserError
from cinegan_jax.training.evaluate import evaluate, trained_generate
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import train


def test_it_scores_input_lut_and_generator_by_both_protocols(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    assert evaluate(Run(runs.config_of(cinegan_settings)), workdir) == 0
    scores = json.loads((workdir / "evaluation.json").read_text())["scores"]
    rows = {(score["protocol"], score["method"]): score for score in scores}
    methods = ("input", "lut", "generator")
    assert rows.keys() == {(p, m) for p in ("filmnet", "native") for m in methods}
    expected = np.mean([psnr(*pair) for pair in held_out(Path(cinegan_settings["data.path"]))])
    assert rows["native", "input"]["psnr"] == pytest.approx(expected, abs=1e-3)
    assert rows["native", "generator"]["psnr"] != rows["native", "input"]["psnr"]
    said = capsys.readouterr().out
    for shown in ("filmnet", "native", "fitted LUT", f"{expected:.2f}"):
        assert shown in said
        assert shown in (workdir / "evaluation.md").read_text()
    with Image.open(workdir / "before_after.png") as sheet:
        assert np.ptp(np.asarray(sheet.convert("RGB"))) > 100


def held_out(folder: Path) -> list[list[np.ndarray]]:
    sides = [sorted((folder / "test" / side).iterdir()) for side in ("input", "Look")]
    return [[np.asarray(Image.open(path), float) for path in pair] for pair in zip(*sides)]  # noqa: B905


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one - other) ** 2))


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_the_average_makes_the_pictures_where_one_is_kept(
    ema_decay: float, tmp_path: Path, small_pairs: dict[str, Any], rng: np.random.Generator
) -> None:
    run = Run(runs.config_of({**runs.TOY, **small_pairs, "ema_decay": ema_decay}))
    train(run, tmp_path)
    saved = runs.checkpoint(tmp_path, 4)
    part = "['ema']" if ema_decay else "['params']"
    matrix, bias = (
        np.frombuffer(saved[f"{part}['generator']['{name}']"][2], np.float32)
        for name in ("matrix", "bias")
    )
    photo = rng.integers(0, 256, (64, 128, 3), np.uint8)
    signed = np.tanh((photo / 127.5 - 1) @ matrix.reshape(3, 3) + bias)
    picture = trained_generate(run, tmp_path)(photo)
    assert np.abs(picture - (signed + 1) * 127.5).max() <= 0.51


def test_a_workdir_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        evaluate(Run(runs.config_of(runs.TOY)), tmp_path / "nowhere")
