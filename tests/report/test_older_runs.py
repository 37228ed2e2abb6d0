"""Workdirs that versions before 0.2 wrote, with their names, and what a run writes now."""

import json
from pathlib import Path
from typing import Any

import pytest
from etils import epath
from made_runs import NOW, write_lines
from runs import config_of

from cinegan_jax.health.monitor import Alarm, alarm_record, check_record
from cinegan_jax.health.rules import RULES, Crossing, make_rules
from cinegan_jax.report.charts import health_charts, loss_charts, speed_charts
from cinegan_jax.report.page import report_page
from cinegan_jax.report.run_files import RunFiles, read_run

METRICS: list[dict[str, Any]] = [
    {
        "step": step,
        "epoch": step / 40,
        "loss_generator": 30 / step,
        "loss_critics": 3.0,
        "loss_critics_r1": 0.1,
        "gradient_norm_critics": 1.5,
        "critic_full": 2.0,
        "critic_half": 1.0,
        "timing": {"pictures_per_second": 8.0, "pictures_per_second_per_device": 4.0},
    }
    for step in (10, 20, 30)
]
HEALTH: list[dict[str, Any]] = [
    {"step": 20, "kind": "check", "signals": {"critics/accuracy_real_full": 0.99}},
    {
        "step": 20,
        "kind": "alarm",
        "rule": "critic_overpowers",
        "severity": "act",
        "message": "a critic is right too often",
        "evidence": {"critics/accuracy_full": 0.99},
        "limits": {"critics/accuracy_full": 0.98},
        "action": "lower_rate",
    },
]
CONFIG: dict[str, Any] = {
    "family": "dcgan",
    "num_steps": 30,
    "data": {"path": "shapes", "look": ""},
    "optimizers": {"generator": {"learning_rate": 2e-4}, "critics": {"learning_rate": 5e-4}},
}


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    write_lines(tmp_path / "metrics.jsonl", METRICS)
    write_lines(tmp_path / "health.jsonl", HEALTH)
    return read_run(epath.Path(tmp_path))


def test_metrics_have_their_present_names(files: RunFiles) -> None:
    charts = {chart.title: [curve.name for curve in chart.curves] for chart in loss_charts(files)}
    assert charts == {
        "Losses": ["generator", "discriminator", "discriminator r1"],
        "Gradient norms": ["discriminator"],
        "Discriminator losses": ["full", "half"],
    }
    (speed,) = speed_charts(files)
    assert (files.learned, speed.title) == ("images", "Images per second")
    assert list(speed.curves[0].values) == [8.0] * 3


def test_checks_and_alarms_have_their_present_names(files: RunFiles) -> None:
    (check,) = files.checks
    assert check["diagnostics"] == {"discriminator/accuracy_real_full": 0.99}
    assert list(health_charts(files)) == ["discriminator"]
    (alarm,) = files.alarms
    assert alarm.rule == "discriminator_overpowers"
    (evidence,) = alarm.evidence
    assert evidence == ("discriminator/accuracy_full", 0.99, 0.98)


def test_the_page_of_an_older_run_has_no_older_names(files: RunFiles) -> None:
    page = report_page(files, NOW)
    assert "optimizers.discriminator.learning_rate" in page
    assert "a critic is right too often" in page  # a message is text
    assert "critic" not in page.replace("a critic is right too often", "")


def test_records_that_a_run_writes_now_are_read(tmp_path: Path) -> None:
    rule = next(iter(RULES))
    crossing = Crossing("discriminator/accuracy_full", 0.99, 0.98)
    health = config_of({}).health
    rules = make_rules({name: dict(health[name]) for name in RULES})
    alarm = Alarm(20, rule, rules[rule], (crossing,))
    (tmp_path / "config.json").write_text("{}")
    records = [check_record(20, {crossing.diagnostic: 0.99}), alarm_record(alarm)]
    write_lines(tmp_path / "health.jsonl", records)
    files = read_run(epath.Path(tmp_path))
    assert files.checks[0]["diagnostics"] == {crossing.diagnostic: 0.99}
    (found,) = files.alarms
    assert (found.rule, found.message) == (rule, alarm.message)
    assert found.evidence[0] == (crossing.diagnostic, crossing.value, crossing.limit)
