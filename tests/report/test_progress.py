"""Progress of a run, from its records."""

import json
import os
from pathlib import Path

import pytest
from etils import epath
from made_runs import ALARM, NOW, loss_record, write_lines

from cinegan_jax.report.key_figures import RunProgress, run_progress
from cinegan_jax.report.run_files import read_run


def progress_at(workdir: Path, step: int, silence: float, **alarm: object) -> RunProgress:
    """Return the progress of a run of 400 steps whose record of `step` is `silence` seconds old."""
    write_lines(workdir / "metrics.jsonl", [loss_record(s) for s in range(10, step + 1, 10)])
    write_lines(workdir / "health.jsonl", [ALARM | alarm] if alarm else [])
    for name in ("metrics.jsonl", "health.jsonl"):
        os.utime(workdir / name, (NOW - silence, NOW - silence))
    return run_progress(read_run(epath.Path(workdir)), NOW)


def test_a_run_at_its_last_step_is_finished(workdir: Path) -> None:
    found = progress_at(workdir, 400, 10)
    assert (found.step, found.total, found.state, found.kind) == (400, 400, "finished", "good")
    assert found.seconds == pytest.approx(400 * 4 / 8)


def test_a_run_that_wrote_a_second_ago_is_running(workdir: Path) -> None:
    assert progress_at(workdir, 200, 300).state == "running"


def test_recorded_seconds_are_used(workdir: Path) -> None:
    """The speed alone does not give the seconds of a step that draws several batches."""
    timing = {"timing": {"seconds": 30.0, "pictures_per_second": 8.0}}
    write_lines(workdir / "metrics.jsonl", [loss_record(s) | timing for s in (10, 20, 30)])
    assert run_progress(read_run(epath.Path(workdir)), NOW).seconds == 90


def test_a_silent_run_is_not_running(workdir: Path) -> None:
    assert progress_at(workdir, 200, 7200).state == "not running: silent for 2 h"


def test_a_slow_run_may_be_silent_for_longer(workdir: Path) -> None:
    slow = [loss_record(s) | {"timing": {"pairs_per_second": 0.01}} for s in (10, 20)]
    write_lines(workdir / "metrics.jsonl", slow)  # 4000 s between records
    (workdir / "health.jsonl").unlink()
    os.utime(workdir / "metrics.jsonl", (NOW - 7200, NOW - 7200))
    files = read_run(epath.Path(workdir))
    assert run_progress(files, NOW).state == "running"


def test_an_alarm_that_stops_is_named(workdir: Path) -> None:
    found = progress_at(workdir, 300, 10, action="stop")
    assert (found.state, found.kind) == ("stopped by an alarm: discriminator_overpowers", "bad")


def test_a_run_that_went_on_after_its_alarm_is_running(workdir: Path) -> None:
    assert progress_at(workdir, 350, 10, action="stop").state == "running"


def test_the_length_follows_from_epochs_where_steps_are_not_set(workdir: Path) -> None:
    config = json.loads((workdir / "config.json").read_text())
    config |= {"num_steps": 0, "num_epochs": 15.0}
    (workdir / "config.json").write_text(json.dumps(config))
    assert progress_at(workdir, 200, 10).total == 15 * 40
