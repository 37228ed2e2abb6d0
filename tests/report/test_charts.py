"""Assignment of curves to charts."""

from pathlib import Path

from etils import epath
from made_runs import loss_record, write_lines

from cinegan_jax.pages.curves import Chart
from cinegan_jax.report.charts import health_charts, held_out_charts, loss_charts, speed_charts
from cinegan_jax.report.run_files import RunFiles, read_run


def named(charts: list[Chart]) -> dict[str, list[str]]:
    return {chart.title: [curve.name for curve in chart.curves] for chart in charts}


def read(workdir: Path) -> RunFiles:
    return read_run(epath.Path(workdir))


def test_losses_are_grouped_by_kind(workdir: Path) -> None:
    charts = loss_charts(read(workdir))
    assert named(charts) == {
        "Losses": ["generator", "discriminator"],
        "Gradient norms": ["generator"],
        "Terms of the generator's loss": ["adversarial"],
    }
    curve = charts[0].curves[0]
    assert list(curve.steps) == list(range(10, 410, 10))
    assert list(curve.values) == [30 / step for step in curve.steps]
    assert [chart.log for chart in charts] == [True, False, False]  # 3.2 to 0.08; 5 to 0.26; signs


def test_skipped_steps_are_shown_where_there_are_any(workdir: Path) -> None:
    records = [loss_record(step) | {"skipped_steps": step // 20} for step in (10, 20, 30)]
    write_lines(workdir / "metrics.jsonl", records)
    chart = loss_charts(read(workdir))[-1]
    assert (chart.title, list(chart.curves[0].values)) == ("Skipped steps, total", [0, 1, 1])


def test_a_step_written_twice_counts_as_written_last(workdir: Path) -> None:
    records = [{"step": step, "l1": value} for step, value in ((10, 1), (20, 2), (10, 3))]
    write_lines(workdir / "metrics.jsonl", records)
    (curve,) = loss_charts(read(workdir))[0].curves
    assert (list(curve.steps), list(curve.values)) == ([10, 20], [3, 2])


def test_each_held_out_metric_has_a_chart(workdir: Path) -> None:
    records = [{"step": 1, "heldout/psnr": 30.0, "heldout/psnr_clean": 31.0, "heldout/lpips": 0.1}]
    write_lines(workdir / "metrics.jsonl", records)
    charts = held_out_charts(read(workdir))
    clean = ["against the target", "against the clean target"]
    assert named(charts) == {"PSNR": clean, "lpips": ["against the target"]}
    assert [chart.unit for chart in charts] == ["dB", ""]


def test_waits_are_in_percent(workdir: Path) -> None:
    waits = speed_charts(read(workdir))[1]
    assert waits.unit == "%"
    assert dict(zip(waits.curves[0].steps, waits.curves[0].values, strict=True))[30] == 1.0


def test_diagnostics_are_grouped_by_the_part_that_they_describe(workdir: Path) -> None:
    names = [f"discriminator/accuracy_{w}_{s}" for w in ("real", "fake") for s in ("full", "half")]
    names += ["generator/gradient_norm", "generator/gradient_norm/block1", "generator/gap", "alone"]
    names += ["output/mean_a", "target/mean_a", "data/wait_share"]
    diagnostics = dict.fromkeys(names, 1.0) | {"generator/unknown": None}
    write_lines(
        workdir / "health.jsonl", [{"step": 5, "kind": "check", "diagnostics": diagnostics}]
    )
    found = health_charts(read(workdir))
    assert {part: named(charts) for part, charts in found.items()} == {
        "discriminator": {"accuracy": ["real full", "real half", "fake full", "fake half"]},
        "generator": {"gradient norm": ["all", "block1"], "gap": [""]},
        "run": {"alone": [""], "data: wait share": [""]},
        "images": {"mean a": ["output", "target"]},
    }
