"""Figures of a run on this machine, compared with the arrays of a real run."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.preflight.this_machine import describe_here


def test_it_names_sizes_and_data_and_writes_nothing(
    tmp_path: Path,
    trained: Path,
    cinegan_settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert describe_here(runs.config_of(cinegan_settings), "title") == 0
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().out
    figures = dict(re.findall(r"│ (.+?) +│ (.+?) +│", said))
    for player in ("generator", "discriminator"):
        assert figures[f"parameters, {player}"] == f"{saved_numbers(trained, player):,}"
    assert (figures["training pairs"], figures["held-out pairs"]) == ("40", "2")
    assert figures["steps"] == "4 (5 an epoch)"
    assert figures["devices"] == "8 x cpu"
    assert float(figures["FLOP per step and device"]) > 1e6
    assert "total_variation: 0.0" in said


def saved_numbers(workdir: Path, player: str) -> int:
    saved = runs.checkpoint(workdir, 4)
    arrays = [array for name, array in saved.items() if name.startswith(f"['params']['{player}']")]
    return sum(math.prod(shape) for _, shape, _ in arrays)


def test_the_command_describes_this_machine_without_a_topology(
    cinegan_settings: dict[str, Any],
) -> None:
    """Estimates come from shapes or a compilation; without the data their number is needed."""
    keys = [f"--set={key}={value}" for key, value in cinegan_settings.items()]
    command = ["preflight", "--config=default", *keys, "--json"]
    found = [CliRunner().invoke(app, [*command, *more]) for more in ([], ["--fast"])]
    compiled, fast = (json.loads(each.stdout) for each in found)
    assert (compiled["examples"], compiled["devices"], compiled["device_kind"]) == (40, 8, "cpu")
    assert compiled["cost"]["compiled"]
    assert not fast["cost"]["compiled"]
    assert compiled["cost"]["arguments"] == pytest.approx(fast["cost"]["arguments"], rel=0.01)
    elsewhere = [*command, "--fast", "--set=data.path=nowhere"]
    assert "nowhere" in CliRunner().invoke(app, elsewhere).stderr
    estimated = CliRunner().invoke(app, [*elsewhere, "--pairs=400"])
    assert json.loads(estimated.stdout)["examples"] == 400
    search = CliRunner().invoke(app, [*command, "--search"])
    assert (search.exit_code, "give --topology" in search.stderr) == (2, True)


@pytest.mark.parametrize("steps", [4, 0])
def test_everything_that_is_missing_is_listed_after_the_figures(
    steps: int, cinegan_settings: dict[str, Any]
) -> None:
    """Without data and weights the parameters are counted all the same; each file is named."""
    changed = {
        **cinegan_settings,
        "num_steps": steps,
        "losses.perceptual": 2.0,
        "vgg19_file": "no.safetensors",
        "data.path": "nowhere",
        "restore_from": "no_run",
    }
    keys = [f"--set={key}={value}" for key, value in changed.items()]
    command = ["preflight", "--config=default", *keys, "--fast"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert re.search(r"parameters, generator +│ [\d,]{3,}", result.stdout)
    assert re.search(r"memory per device +│ \d", result.stdout)
    assert "training pairs" not in result.stdout
    assert re.search(f"steps +│ {steps or 'not known'} .an epoch is not known", result.stdout)
    problems = [line for line in result.stderr.splitlines() if line.startswith("- ")]
    named = ("nowhere", "no.safetensors", "no_run")
    assert [[name in line for name in named] for line in problems] == np.eye(3, dtype=bool).tolist()
    as_json = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [f"- {line}" for line in as_json["missing"]] == problems
    assert as_json["total_steps"] == (steps or None)
