"""Plot of a run's losses."""

import json
from pathlib import Path
from typing import Any

import pytest
from etils import epath

from cinegan_jax.training.run_records import loss_curves, losses_drawn_at_the_end, write_loss_plot

RECORDS = [
    {"step": 50, "loss_generator": 2.0, "loss_discriminator_judge": 0.5, "l1": 7.0},
    {"step": 60, "heldout/psnr": 20.0},
    {"step": 100, "loss_generator": None, "loss_discriminator_judge": 0.25, "skipped_steps": 1},
]


def write(workdir: Path, records: list[dict[str, Any]]) -> epath.Path:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (workdir / "metrics.jsonl").write_text(lines)
    return epath.Path(workdir)


def test_each_loss_of_a_player_is_a_curve() -> None:
    curves = {curve.name: (curve.steps, curve.values) for curve in loss_curves(RECORDS)}
    assert curves == {
        "generator": ([50, 100], [2.0, None]),
        "discriminator judge": ([50, 100], [0.5, 0.25]),
    }


def test_it_lies_in_the_workdir(tmp_path: Path) -> None:
    write_loss_plot(write(tmp_path, RECORDS))
    assert "discriminator judge</text>" in (tmp_path / "losses.svg").read_text()


@pytest.mark.parametrize("records", [[], [{"step": 60, "heldout/psnr": 20.0}]])
def test_without_losses_there_is_none(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    write_loss_plot(write(tmp_path, records))
    assert not (tmp_path / "losses.svg").exists()


def test_a_run_that_fails_leaves_it_too(tmp_path: Path) -> None:
    workdir = write(tmp_path, RECORDS)
    with pytest.raises(RuntimeError, match="alarm"), losses_drawn_at_the_end(workdir):
        raise RuntimeError("alarm")
    assert (tmp_path / "losses.svg").exists()


def test_where_it_cannot_be_written_a_run_ends_as_it_would(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "losses.svg").mkdir()
    with losses_drawn_at_the_end(write(tmp_path, RECORDS)):
        pass
    assert "losses.svg cannot be written" in caplog.text
