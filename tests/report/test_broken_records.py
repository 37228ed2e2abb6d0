"""Reports of runs whose files hold values of other types."""

import json
from pathlib import Path
from typing import Any

import pytest
from runs import config_of
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.storage import open_path
from cinegan_jax.report.run_files import read_run

EVALUATION: dict[str, Any] = {
    "format": "cinegan-evaluation",
    "version": 3,
    "photos": [
        {
            "name": "a",
            "protocol": "native",
            "reference": "target",
            "method": "generator",
            "scores": {"psnr": 1.0},
        }
    ],
    "sets": [],
    "skipped": {},
    "size": 64,
    "about": {"target": "t", "data": "d", "look": "l"},
}
DEEP = "[" * 10_000 + "]" * 10_000


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config_of({"num_steps": 4}).to_dict()))
    (tmp_path / "metrics.jsonl").write_text('{"step": 3, "loss_generator": 1.0}\n')
    return tmp_path


def report(workdir: Path) -> str:
    result = CliRunner().invoke(app, ["report", str(workdir)])
    assert result.exit_code == 0, result.output
    return " ".join(read_run(open_path(workdir)).notes)


@pytest.mark.parametrize("name", ["config.json", "versions.json", "evaluation.json"])
def test_a_deep_file_is_noted_and_the_rest_is_shown(workdir: Path, name: str) -> None:
    (workdir / name).write_text(DEEP)
    notes = report(workdir)
    assert name in notes
    assert "nested" in notes


def test_deep_lines_are_counted_and_left_out(workdir: Path) -> None:
    with (workdir / "metrics.jsonl").open("a") as file:
        file.write(DEEP + "\n")
    assert "metrics.jsonl: 1 of 2 lines are broken" in report(workdir)


@pytest.mark.parametrize("value", ["x", [[]], 1e400, float("nan"), {}], ids=str)
@pytest.mark.parametrize("key", ["num_steps", "data", "family", "best_metric"])
def test_a_config_key_of_another_type_is_noted(workdir: Path, key: str, value: Any) -> None:
    if (key, value) in [("data", {}), ("family", "x"), ("best_metric", "x")]:
        pytest.skip("of the right type")
    path = workdir / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert f"config.json: {key} is" in report(workdir)


@pytest.mark.parametrize("value", [None, 7, [], [[]], True, float("nan")], ids=str)
@pytest.mark.parametrize("key", ["name", "protocol", "reference", "method", "scores"])
def test_scores_of_another_type(workdir: Path, key: str, value: Any) -> None:
    photo = EVALUATION["photos"][0] | {key: value}
    content = json.dumps(EVALUATION | {"photos": [photo]})
    (workdir / "evaluation.json").write_text(content)
    assert "evaluation.json is damaged" in report(workdir)
    result = CliRunner().invoke(app, ["compare", str(workdir), str(workdir / "..")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_photos_with_different_metrics(workdir: Path) -> None:
    other = EVALUATION["photos"][0] | {"name": "b", "scores": {"ssim": 0.5}}
    content = EVALUATION | {"photos": [EVALUATION["photos"][0], other]}
    (workdir / "evaluation.json").write_text(json.dumps(content))
    assert "evaluation.json" not in report(workdir)
