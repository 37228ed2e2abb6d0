"""Actions on alarms, in whole runs of a family that compiles quickly."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import runs
from PIL import Image
from toy_family import ToyFamily

from cinegan_jax.families.api import Aux
from cinegan_jax.families.registry import FAMILIES
from cinegan_jax.health.monitor import UnhealthyRun
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

CHECKS = {"health.every_steps": 2, "health.grace_steps": 0}
ALWAYS = {**CHECKS, "health.divergence.patience": 2, "health.divergence.gradient_to_start": 0.0}
"""Divergence is seen as soon as a start is known: at the fourth check, and raised at the fifth."""


@pytest.fixture
def toy(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs, "parallelism": "jit", "num_steps": 14}


class Marked(ToyFamily):
    """Its loss is infinite where a photo is white."""

    def objective(self, *arguments: Any) -> tuple[dict[str, Any], Aux]:
        losses, aux = super().objective(*arguments)
        white = (arguments[3]["input"] == 255).all((1, 2, 3)).any()
        return {name: jnp.where(white, jnp.inf, loss) for name, loss in losses.items()}, aux


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run with a white photo among its pairs; an epoch has five steps."""
    folder = runs.write_pairs(tmp_path / "pairs", np.random.default_rng(4))
    white = Image.new("RGB", (40, 36), (255, 255, 255))
    white.save(folder / "train" / "input" / "012.png")
    entry = FAMILIES["toy"]._replace(build=lambda config: Marked())
    monkeypatch.setitem(FAMILIES, "toy", entry)  # type: ignore[arg-type]
    settings = {"data.path": str(folder), "data.look": "Look", "parallelism": "jit"}
    every = {"health.every_steps": 1, "checkpoint_every_steps": 1, "checkpoints_kept": 20}
    return {**runs.TOY, **settings, **every, "health.grace_steps": 0, "num_steps": 5}


def start(workdir: Path, settings: dict[str, Any]) -> Path:
    assert run_training(Run(runs.config_of(settings)), workdir) == 0
    return workdir


def lines(workdir: Path, kind: str) -> list[dict[str, Any]]:
    """The records of `health.jsonl` of a kind, without what differs between two equal runs."""
    records = [json.loads(line) for line in (workdir / "health.jsonl").read_text().splitlines()]
    for record in records:
        record.pop("wall", None)
        record.get("diagnostics", {}).pop("data/wait_share", None)
    return [record for record in records if record["kind"] == kind]


def test_a_warning_is_logged_shown_and_written(
    tmp_path: Path, toy: dict[str, Any], caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    workdir = start(tmp_path / "run", {**toy, **ALWAYS})
    assert [record["step"] for record in lines(workdir, "check")] == [2, 4, 6, 8, 10, 12, 14]
    (alarm,) = lines(workdir, "alarm")
    assert (alarm["step"], alarm["rule"], alarm["action"]) == (10, "divergence", "none")
    said = [r.getMessage() for r in caplog.records if "ALARM" in r.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("Step 10: ALARM divergence: The run diverges")
    shown = [line for line in capsys.readouterr().out.splitlines() if "ALARM: divergence" in line]
    assert [line.split()[1] for line in shown] == ["10/14", "12/14", "14/14"]


def test_the_published_config_checks_a_short_run_never(tmp_path: Path, toy: dict[str, Any]) -> None:
    assert not (start(tmp_path / "run", {**toy, "num_steps": 4}) / "health.jsonl").exists()


def test_checks_change_no_step(tmp_path: Path, toy: dict[str, Any]) -> None:
    without = start(tmp_path / "without", {**toy, "health.every_steps": 0})
    checked = start(tmp_path / "checked", {**toy, **CHECKS})
    one, other = (runs.checkpoint(workdir, 14) for workdir in (without, checked))
    for path in one.keys() - {"meta"}:
        if path != "data":
            (dtype, _, a), (_, _, b) = one[path], other[path]
            np.testing.assert_allclose(np.frombuffer(a, dtype), np.frombuffer(b, dtype), atol=1e-6)
    assert one["data"] == other["data"]


def test_a_rate_is_lowered_while_the_alarm_lasts_and_stays_low_after_a_restart(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    settings = {**toy, **ALWAYS, "health.divergence.action": "lower_rate"}
    settings["health.lower_rate_factor"] = 0.25
    whole = start(tmp_path / "whole", settings)
    scales = [record["diagnostics"]["generator/rate_scale"] for record in lines(whole, "check")]
    assert scales == [1, 1, 1, 1, 1, 0.25, 0.25]
    assert [alarm["step"] for alarm in lines(whole, "alarm")] == [10, 14]
    ratios = [record["diagnostics"]["generator/update_ratio"] for record in lines(whole, "check")]
    assert ratios[5] == pytest.approx(ratios[4] / 4, rel=0.3)
    start(tmp_path / "parts", {**settings, "num_steps": 12})
    parts = start(tmp_path / "parts", settings)
    assert lines(parts, "check") == lines(whole, "check")
    assert lines(parts, "alarm") == lines(whole, "alarm")
    one, other = (runs.checkpoint(workdir, 14) for workdir in (whole, parts))
    assert {**one, "meta": None} == {**other, "meta": None}


def test_an_alarm_stops_the_run_with_a_code_of_its_own(tmp_path: Path, toy: dict[str, Any]) -> None:
    settings = {**toy, **ALWAYS, "health.divergence.action": "stop"}
    started = runs.Started(tmp_path / "run", settings)
    assert started.exit_code() == UnhealthyRun.exit_code == 3
    assert "error: step 10: divergence: The run diverges" in started.said
    assert "Traceback" not in started.said
    assert runs.saved_steps(tmp_path / "run") == [4, 6, 8]
    assert [alarm["action"] for alarm in lines(tmp_path / "run", "alarm")] == ["stop"]


def test_a_run_is_taken_back_and_goes_on_another_way(
    tmp_path: Path, marked: dict[str, Any]
) -> None:
    ignored = start(tmp_path / "ignored", marked)
    (hit,) = lines(ignored, "alarm")
    taken_back = start(tmp_path / "run", {**marked, "health.non_finite.action": "rollback"})
    steps = [record["step"] for record in lines(taken_back, "check")]
    again = steps.index(hit["step"]) + 1
    assert steps == [*range(1, hit["step"] + 1), *range(steps[again], 6)]
    assert steps[again] == hit["step"]  # the step before was the last healthy one
    assert [a["action"] for a in lines(taken_back, "alarm")] == ["rollback"]
    # Its batches and keys differ from the first time, and each metric is logged once.
    one, other = (runs.checkpoint(workdir, 5) for workdir in (ignored, taken_back))
    assert one["['params']['generator']['bias']"] != other["['params']['generator']['bias']"]
    assert one["['key']"] != other["['key']"]
    assert other["data"]["position"]["batches"] == one["data"]["position"]["batches"] + 1
    logged = [record["step"] for record in runs.records(taken_back) if "epoch" in record]
    assert logged == sorted(set(logged))


def test_a_run_that_is_taken_back_too_often_stops(tmp_path: Path, marked: dict[str, Any]) -> None:
    settings = {**marked, "num_steps": 25, "health.non_finite.action": "rollback"}
    settings |= {"health.max_rollbacks": 1}
    with pytest.raises(UnhealthyRun, match="already taken back 1 times"):
        start(tmp_path / "run", settings)
    alarms = lines(tmp_path / "run", "alarm")
    assert [alarm["action"] for alarm in alarms] == ["rollback", "rollback"]


def test_without_a_healthy_checkpoint_there_is_no_way_back(
    tmp_path: Path, toy: dict[str, Any]
) -> None:
    settings = {**toy, **ALWAYS, "health.divergence.action": "rollback"}
    settings |= {"checkpoint_every_steps": 100}
    with pytest.raises(UnhealthyRun, match=r"step 10: divergence: .* no healthy checkpoint"):
        start(tmp_path / "run", settings)


@pytest.mark.slow
@pytest.mark.parametrize("parallelism", ["pmap", "pjit"])
def test_several_processes_act_alike(tmp_path: Path, toy: dict[str, Any], parallelism: str) -> None:
    """Taken back to step 6 twice, then stopped: whichever did otherwise would hang the others."""
    settings = {**toy, **ALWAYS, "health.divergence.action": "rollback"}
    settings |= {"parallelism": parallelism, "health.max_rollbacks": 2}
    hosts = runs.Hosts(tmp_path / "run", settings, count=2, devices=2)
    assert hosts.exit_codes() == [3, 3], hosts.said()
    assert [alarm["step"] for alarm in lines(tmp_path / "run", "alarm")] == [10, 10, 10]
    assert [record["step"] for record in lines(tmp_path / "run", "check")] == [
        *(2, 4, 6, 8, 10),
        *(8, 10),
        *(8, 10),
    ]
    assert runs.saved_steps(tmp_path / "run") == [4, 6, 8]


def test_a_checkpoint_from_before_there_was_health_is_taken_up(
    tmp_path: Path, toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("cinegan_jax.training.health.HealthHook.memory", lambda self: None)
        start(tmp_path / "run", {**toy, **CHECKS, "num_steps": 6})
    workdir = start(tmp_path / "run", {**toy, **CHECKS})
    assert [record["step"] for record in lines(workdir, "check")] == [2, 4, 6, 8, 10, 12, 14]
