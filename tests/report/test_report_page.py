"""A run's page, without a browser."""

import html
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from made_runs import ALARM, loss_record, write_lines
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.storage import open_path
from cinegan_jax.report.page import write_report

HOSTILE = "<script>alert(1)</script>"


def page_of(workdir: Path) -> str:
    path = open_path(workdir.parent / "page.html")
    size = write_report(open_path(workdir), path, time.time())
    text = path.read_text()
    assert size == len(text.encode())
    return text


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script [^>]*id="data">(.*?)</script>', page)[1])


def text_of(page: str, section: str) -> str:
    """Return the visible text of a section."""
    found = re.search(f'<section id="{section}".*?</section>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[0])).split())


def test_the_command_writes_into_the_workdir(workdir: Path) -> None:
    answer = CliRunner().invoke(app, ["report", str(workdir)])
    assert answer.exit_code == 0, answer.output
    assert str(workdir / "report.html") in answer.output.replace("\n", "")
    assert "<title>Look: step 400" in (workdir / "report.html").read_text()


def test_the_command_writes_to_the_given_file(workdir: Path, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["report", str(workdir), "-o", str(tmp_path / "p.html")])
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "p.html").exists()
    assert not (workdir / "report.html").exists()


def test_a_folder_that_is_no_workdir_is_a_one_line_error(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert answer.exit_code == 2
    assert "is no workdir of a run" in answer.stderr


def test_the_page_holds_what_the_files_say(workdir: Path) -> None:
    page = page_of(workdir)
    charts = {c["id"]: c for c in data_of(page)["charts"]}
    curves = {curve["name"]: curve for curve in charts["chart-0"]["curves"]}
    records = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    psnr = {r["step"]: r["heldout/psnr"] for r in records if "heldout/psnr" in r}
    assert (
        dict(zip(*map(curves["against the target"].get, ("steps", "values")), strict=True)) == psnr
    )
    assert [f["caption"] for f in data_of(page)["frames"]] == [f"step {n}00" for n in (1, 2, 3, 4)]
    assert data_of(page)["frames"][1]["facts"] == [["PSNR", "30"], ["Delta E 76", "2.5"]]
    marks = [(mark["kind"], mark["step"]) for mark in data_of(page)["marks"]]
    assert marks == [("restart", 250), ("best", 200), ("act", 300)]


def test_every_section_has_its_content(workdir: Path) -> None:
    page = page_of(workdir)
    assert "The best checkpoint by PSNR is that of step 200." in text_of(page, "scores")
    health = text_of(page, "health")
    assert "1 alarm in 8 checks." in health
    assert f"discriminator overpowers {ALARM['message']}" in health
    assert "discriminator/accuracy_real_full 0.998 limit 0.98 learning rate lowered" in health
    evaluation = text_of(page, "evaluation")
    assert "native, against the target: 12 photos" in evaluation
    assert "The 10 photos on which the generator scores worst by PSNR dB" in evaluation
    config = text_of(page, "config")
    assert "batch_size 4 64" in config
    assert "data.look Look ClassNeg" in config
    assert "losses.l1" not in re.sub("The whole config.*", "", config)


def test_the_best_score_counts_where_no_scored_step_was_kept(workdir: Path) -> None:
    for step in (200, 400):
        (workdir / "checkpoints" / str(step)).rmdir()
    page = page_of(workdir)
    assert "The best by PSNR is that of step 200." in text_of(page, "scores")
    assert "best score, without a checkpoint" in page


@pytest.mark.parametrize("best", ["delta_e", "unknown"])
def test_the_best_is_chosen_as_the_config_says(workdir: Path, best: str) -> None:
    config = json.loads((workdir / "config.json").read_text())
    (workdir / "config.json").write_text(json.dumps(config | {"best_metric": best}))
    records = [{"step": s, "heldout/delta_e": e} for s, e in ((100, 1.0), (200, 3.0), (400, 2.0))]
    write_lines(workdir / "metrics.jsonl", records)
    found = text_of(page_of(workdir), "scores")
    assert ("by Delta E 76 is that of step 400" in found) == (best == "delta_e")


def test_a_run_that_learns_from_images_is_reported_in_images(workdir: Path) -> None:
    timing = {"timing": {"images_per_second": 8.0, "seconds": 5.0}}
    scores = {"heldout/feature_distance": 0.25, "heldout/modes_covered": 24.0}
    records = [loss_record(step) | timing for step in (10, 20)]
    write_lines(workdir / "metrics.jsonl", [*records, {"step": 20, **scores}])
    config = json.loads((workdir / "config.json").read_text())
    config |= {"best_metric": "feature_distance", "sample_scores": True}
    (workdir / "config.json").write_text(json.dumps(config))
    page = page_of(workdir)
    assert f"<h1>{workdir.name}</h1>" in page
    assert "8 <small>images/s</small>" in page
    assert "Scores on held-out images The best" in text_of(page, "scores")
    assert "by feature distance is that of step 20" in text_of(page, "scores")
    assert "modes covered" in text_of(page, "scores")
    samples = text_of(page, "samples")
    assert "same latents at every step, each under the discriminator's score" in samples
    assert "Images per second" in text_of(page, "speed")
    assert "pairs" not in samples + text_of(page, "speed")


def test_a_bare_workdir_says_what_is_missing(workdir: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text("{")
    page = page_of(bare)
    assert "No held-out scores yet" in text_of(page, "scores")
    assert "No sample grids" in text_of(page, "samples")
    assert "Health was not checked" in text_of(page, "health")
    assert "Not evaluated yet" in text_of(page, "evaluation")
    assert "nothing recorded yet" in page
    assert "config.json cannot be read" in page
    assert "metrics.jsonl is missing" in page


def test_names_are_escaped_wherever_they_stand(workdir: Path) -> None:
    config = json.loads((workdir / "config.json").read_text())
    config["data"]["look"] = config["family"] = HOSTILE
    (workdir / "config.json").write_text(json.dumps(config))
    (workdir / "versions.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    write_lines(
        workdir / "metrics.jsonl", [loss_record(10) | {HOSTILE: 1, f"heldout/{HOSTILE}": 2}]
    )
    alarm = ALARM | dict.fromkeys(("rule", "message", "action", "severity"), HOSTILE)
    alarm["evidence"] = {HOSTILE: HOSTILE}
    check = {"step": 10, "kind": "check", "diagnostics": {f"{HOSTILE}/a": 1.0}}
    write_lines(workdir / "health.jsonl", [check, alarm])
    assert HOSTILE not in page_of(workdir)


def test_strange_alarms_do_not_break_the_page(workdir: Path) -> None:
    write_lines(
        workdir / "health.jsonl",
        [
            {"step": 1, "kind": "alarm"},
            {"step": 2, "kind": "alarm", "evidence": [1], "action": 3, "rule": None},
            {"step": 3, "kind": "check", "diagnostics": {"a": "x", "b": [1], "c": True}},
        ],
    )
    assert "2 alarms in 1 check." in text_of(page_of(workdir), "health")
