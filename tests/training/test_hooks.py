"""Output of the training hooks for states of known numbers."""

import io
import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import Learned
from cinegan_jax.training.hooks import NonFiniteGuard, Progress, Samples, Scores
from cinegan_jax.training.metrics_log import MetricsLog
from cinegan_jax.training.state import MetricWindow, NonFinite, TrainState


def state_with(
    sums: dict[str, float] | None = None,
    count: int = 1,
    skipped: int = 0,
    in_a_row: int = 0,
    broken: dict[str, bool] | None = None,
) -> TrainState:
    window = MetricWindow({k: jnp.float32(v) for k, v in (sums or {}).items()}, jnp.int32(count))
    nonfinite = NonFinite(
        jnp.int32(skipped),
        jnp.int32(in_a_row),
        {k: jnp.bool_(v) for k, v in (broken or {}).items()},
    )
    empty: dict[str, Any] = {}
    return TrainState(jnp.int32(0), jnp.zeros(2), empty, (), empty, empty, window, nonfinite)


def records(workdir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def make_progress(
    log: MetricsLog,
    waited: Any = lambda: 0.0,
    alarms: tuple[str, ...] = (),
    learns_from: Learned = "pairs",
) -> tuple[Progress, io.StringIO]:
    said = io.StringIO()
    progress = Progress(
        every_steps=10,
        start_step=20,
        total_steps=100,
        steps_per_epoch=40,
        learns_from=learns_from,
        batch_size=16,
        devices=4,
        waited=waited,
        alarms=lambda: alarms,
        unreplicate=lambda tree: tree,
        log=log,
        console=Console(file=said, soft_wrap=True),
    )
    return progress, said


def test_progress_reports_means_and_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", itertools.count(0.0, 5.0).__next__)
    with MetricsLog(tmp_path, 20) as log:
        progress, said = make_progress(log, waited=itertools.count(0.0, 1.0).__next__)
        progress(30, state_with({"l1": 6.0, "score": -3.0}, count=4, skipped=6))
    (record,) = records(tmp_path)
    timing = record.pop("timing")
    assert record == {"step": 30, "epoch": 0.75, "l1": 1.5, "score": -0.75, "skipped_steps": 6}
    assert timing == pytest.approx(
        {
            "seconds": 5.0,
            "pairs_per_second": 10 * 16 / 5,
            "pairs_per_second_per_device": 10 * 16 / 5 / 4,
            "data_wait_share": 1 / 5,
            "seconds_left": 70 * 5 / 10,
        }
    )
    assert said.getvalue() == (
        "step 30/100  epoch 0.75  32.0 pairs/s (8.0 per device)  ETA 0:00:35  l1 1.5  score -0.75"
        "  6 non-finite steps skipped\n"
    )


def test_images_are_counted_as_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", itertools.count(0.0, 5.0).__next__)
    with MetricsLog(tmp_path, 20) as log:
        progress, said = make_progress(log, learns_from="images")
        progress(30, state_with())
    assert "  32.0 images/s (8.0 per device)  " in said.getvalue()
    (record,) = records(tmp_path)
    assert record["timing"]["images_per_second"] == 10 * 16 / 5


def test_a_slow_loader_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time, "perf_counter", itertools.count(0.0, 5.0).__next__)
    with MetricsLog(tmp_path, 20) as log:
        progress, _ = make_progress(log, waited=itertools.count(0.0, 0.5).__next__)
        for step in (30, 40, 50):
            progress(step, state_with())
    assert [r.getMessage()[:22] for r in caplog.records] == ["The loader is too slow"]


def test_active_alarms_are_on_the_line(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 20) as log:
        progress, said = make_progress(log, alarms=("collapse", "blooming"))
        progress(30, state_with({"l1": 1.0}))
    assert said.getvalue().endswith("l1 1  ALARM: collapse, blooming\n")


def test_an_eta_of_days_names_the_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", itertools.count(0.0, 36_000.0).__next__)
    with MetricsLog(tmp_path, 20) as log:
        progress, said = make_progress(log)
        progress(30, state_with())
    assert "ETA 2 days, 22:00:00" in said.getvalue()


def test_a_window_without_a_finite_step_has_no_means(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 20) as log:
        progress, _ = make_progress(log)
        progress(30, state_with({"l1": 0.0}, count=0, skipped=10))
    (record,) = records(tmp_path)
    assert record["l1"] is None


def test_a_run_that_has_just_recovered_goes_on() -> None:
    """The step before reached the limit, and the present one is finite again."""
    guard = NonFiniteGuard(5, lambda tree: tree, lambda: 40)
    assert guard(50, state_with(skipped=9, in_a_row=5, broken={"l1": True})) == {}
    assert guard(51, state_with(skipped=9, in_a_row=0)) == {}
    assert guard(52, state_with(skipped=9, in_a_row=0)) == {}


def test_few_nonfinite_steps_are_passed_over() -> None:
    guard = NonFiniteGuard(5, lambda tree: tree, lambda: 40)
    for step in (50, 51):
        assert guard(step, state_with(skipped=9, in_a_row=4, broken={"l1": True})) == {}


@pytest.mark.parametrize(("saved", "named"), [(40, "step 40"), (None, "no checkpoint exists yet")])
def test_many_nonfinite_steps_end_the_run(saved: int | None, named: str) -> None:
    guard = NonFiniteGuard(5, lambda tree: tree, lambda: saved)
    broken = {"l1": True, "score": False, "gradient_norm_discriminator": True}
    for step, in_a_row in enumerate((1, 2, 3, 4, 5), start=46):
        assert guard(step, state_with(in_a_row=in_a_row, broken=broken)) == {}
    with pytest.raises(UserError, match="6 steps in a row, up to step 51") as error:
        guard(51, state_with(skipped=9, in_a_row=6, broken=broken))
    assert "51: gradient_norm_discriminator, l1." in str(error.value)
    assert named in str(error.value)


def test_a_run_ended_by_its_state_says_so() -> None:
    guard = NonFiniteGuard(1, lambda tree: tree, lambda: None)
    state = state_with(skipped=1, in_a_row=1, broken={"l1": False})
    guard(1, state)
    with pytest.raises(UserError, match="up to step 2: the family's model state"):
        guard(2, state)


def test_samples_are_images_named_after_their_step(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    grid = rng.integers(0, 256, (8, 12, 3), np.uint8)
    with MetricsLog(tmp_path, 0) as log:
        Samples(5, lambda state: grid, tmp_path / "samples", log)(15, state_with())
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/0000015.png")), grid)


def test_samples_on_a_full_disk_are_left_out(tmp_path: Path, mount_disk: Any) -> None:
    disk = mount_disk("64k")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    with MetricsLog(tmp_path, 0) as log:
        assert Samples(5, lambda state: noise, disk / "samples", log)(15, state_with()) == {}
    assert list((disk / "samples").iterdir()) == []


def test_scores_are_recorded_printed_and_given_to_the_checkpoint(tmp_path: Path) -> None:
    said, scores = io.StringIO(), {"psnr": 30.25, "delta_e": math.inf}
    with MetricsLog(tmp_path, 0) as log:
        hook = Scores(5, lambda state: scores.items(), log, Console(file=said, soft_wrap=True))
        assert hook(15, state_with()) == scores
    assert records(tmp_path) == [{"step": 15, "heldout/psnr": 30.25, "heldout/delta_e": None}]
    assert said.getvalue() == "step 15  held-out  psnr 30.25  delta_e inf\n"
