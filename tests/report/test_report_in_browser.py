"""A run's page in Chromium, as a person reads it."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import ALARM, loss_record, write_lines
from page_visits import drawing, same, visit

from cinegan_jax.core.storage import open_path
from cinegan_jax.report.page import write_report

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def report(workdir: Path) -> Path:
    return write(workdir)


def write(workdir: Path) -> Path:
    path = workdir / "report.html"
    write_report(open_path(workdir), open_path(path), time.time())
    return path


def colour(page: Any, selector: str = "body") -> str:
    return page.locator(selector).evaluate("e => getComputedStyle(e).backgroundColor")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_curves_are_drawn(browser: Any, report: Path, width: int, scheme: str) -> None:
    with visit(browser, report, width, scheme) as page:
        charts = page.locator("figure.chart")
        assert charts.count() == 9
        for index in range(charts.count()):
            image = drawing(page, f"#chart-{index} canvas")
            amber = {"light": (184, 105, 10), "dark": (235, 166, 84)}[scheme]
            like_first_curve = (np.abs(image[..., :3] - amber) < 24).all(-1)
            assert like_first_curve.sum() > 60
        assert colour(page) == {"light": "rgb(246, 241, 232)", "dark": "rgb(18, 16, 14)"}[scheme]


def test_charts_are_smoothed_and_lose_curves(browser: Any, report: Path) -> None:
    with visit(browser, report) as page:
        canvas = "#chart-2 canvas"  # losses of both players
        plain = drawing(page, canvas)
        page.get_by_role("slider", name="Smoothing").fill("60")
        assert page.locator("output[for=smoothing]").inner_text() == "over 12 steps"
        assert not same(plain, drawing(page, canvas))
        page.get_by_role("slider", name="Smoothing").fill("0")
        assert same(plain, drawing(page, canvas))
        curve = page.locator("#chart-2 .curves button").first
        curve.click()
        assert curve.get_attribute("aria-pressed") == "false"
        fewer = drawing(page, canvas)
        assert not same(plain, fewer)
        log = page.get_by_role("button", name="Logarithmic axis: Losses")
        log.click()
        assert log.get_attribute("aria-pressed") == "false"
        assert not same(fewer, drawing(page, canvas))


def test_one_zoom_and_one_cursor_serve_all_charts(browser: Any, report: Path) -> None:
    with visit(browser, report) as page:
        page.locator("#chart-2").scroll_into_view_if_needed()
        box = page.locator("#chart-2 .u-over").bounding_box()
        before = drawing(page, "#chart-3 canvas")
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.2, middle)
        value = page.locator("#chart-3 .curves output").first
        near_start = value.inner_text()
        page.mouse.move(box["x"] + box["width"] * 0.9, middle)
        assert value.inner_text() != near_start
        page.mouse.move(box["x"] + box["width"] * 0.4, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
        page.mouse.up()
        assert not same(before, drawing(page, "#chart-3 canvas"))
        page.mouse.dblclick(box["x"] + box["width"] * 0.5, middle)
        assert same(before, drawing(page, "#chart-3 canvas"))


def test_samples_are_scrubbed_and_played(browser: Any, report: Path) -> None:
    with visit(browser, report) as page:
        strip = page.locator("#strip")
        shown, step = strip.locator("img.shown"), strip.locator("output")
        assert step.inner_text() == "step 400"
        last = shown.get_attribute("src")
        strip.get_by_role("slider").fill("1")
        assert step.inner_text() == "step 200"
        assert shown.get_attribute("src") != last
        assert shown.evaluate("e => e.decode().then(() => e.naturalWidth)") == 30
        assert strip.locator("dd").first.inner_text() == "30"  # PSNR at step 200
        strip.get_by_role("button", name="Show step 100").click()
        assert step.inner_text() == "step 100"
        strip.get_by_role("button", name="Play").click()
        strip.get_by_role("button", name="Pause").wait_for()
        strip.get_by_role("button", name="Play").wait_for()  # it stops at the end
        assert step.inner_text() == "step 400"


def test_tables_are_sorted_by_a_click(browser: Any, report: Path) -> None:
    with visit(browser, report) as page:
        table = page.locator("table.scores").first

        def methods() -> list[str]:
            return table.locator("tbody th").all_inner_texts()

        assert methods() == ["input", "fitted LUT", "generator"]
        table.get_by_role("button", name="PSNR dB").click()
        assert methods() == ["generator", "fitted LUT", "input"]
        assert table.locator("th[aria-sort=descending]").inner_text() == "PSNR dB"
        table.get_by_role("button", name="PSNR dB").click()
        assert methods() == ["input", "fitted LUT", "generator"]
        table.get_by_role("button", name="Method").click()
        assert methods() == ["fitted LUT", "generator", "input"]


def test_hostile_names_stay_text(browser: Any, workdir: Path) -> None:
    config = json.loads((workdir / "config.json").read_text())
    config["data"]["look"] = HOSTILE
    (workdir / "config.json").write_text(json.dumps(config))
    record = loss_record(10) | {HOSTILE: 1, f"heldout/{HOSTILE}": 2}
    write_lines(workdir / "metrics.jsonl", [record])
    alarm = ALARM | {"rule": HOSTILE, "message": HOSTILE, "evidence": {HOSTILE: 1}}
    check = {"step": 10, "kind": "check", "diagnostics": {f"{HOSTILE}/x": 1.0}}
    write_lines(workdir / "health.jsonl", [check, alarm])
    with visit(browser, write(workdir)) as page:
        assert page.locator("h1").inner_text() == HOSTILE
        assert "taken" not in page.title().replace(HOSTILE, "")
        assert page.locator("img[src=x]").count() == 0


def test_a_bare_workdir_opens(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("")
    with visit(browser, write(tmp_path), 390) as page:
        assert page.locator(".empty").count() == 7
        assert page.get_by_role("slider").count() == 0


def test_every_control_has_a_name(browser: Any, report: Path) -> None:
    with visit(browser, report) as page:
        unnamed = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a')]
                .filter(e => e.checkVisibility())
                .filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
                .map(e => e.outerHTML)"""
        )
        assert unnamed == []
