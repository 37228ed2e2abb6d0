"""The page of an evaluation, its data and what a person does with it in Chromium."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from made_evaluations import NAMES, evaluation_of, flat_images
from page_visits import visit
from PIL import Image

from cinegan_jax.evaluation.paired_page import paired_page

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "evaluation.html").write_text(paired_page(evaluation_of(), flat_images))
    return tmp_path / "evaluation.html"


def cards(page: Any) -> list[str]:
    return page.locator("#sheet b").all_inner_texts()


def by_psnr(method: str) -> list[str]:
    photos = evaluation_of().select(method=method)
    return [p.name for p in sorted(photos, key=lambda photo: photo.scores["psnr"])]


def test_the_page_holds_every_photos_scores() -> None:
    evaluation = evaluation_of()
    page = paired_page(evaluation, flat_images)
    data = json.loads(re.search(r'<script [^>]*id="data">(.*?)</script>', page)[1])
    for photo in evaluation.photos:
        number, text = data["scores"][0][photo.name][photo.method]["psnr"]
        assert number == photo.scores["psnr"]
        assert text == f"{number:.2f}"
    assert {photo["name"] for photo in data["photos"]} == set(NAMES)


def test_skipped_pairs_are_named() -> None:
    page = paired_page(evaluation_of(), lambda names: flat_images(list(names)[:4]))
    assert "8 photos are left out" in page
    assert "photo 11" in page


def test_without_images_there_are_scores() -> None:
    page = paired_page(evaluation_of(), lambda names: iter(()))
    assert "There are no images of these photos." in page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_photos_are_sorted_by_error(browser: Any, path: Path, width: int, scheme: str) -> None:
    with visit(browser, path, width, scheme) as page:
        assert cards(page) == by_psnr("generator")
        assert page.locator("#name").inner_text() == by_psnr("generator")[0]
        assert page.locator("#rank").inner_text() == "PSNR dB: 1 of 12 from the worst"
        page.get_by_role("button", name="Best first").click()
        assert cards(page) == by_psnr("generator")[::-1]
        page.get_by_label("Method").select_option("fitted LUT")
        assert cards(page) == by_psnr("lut")[::-1]
        page.get_by_label("Sorted by").select_option("ΔE 76")
        assert cards(page) == by_psnr("lut")[::-1]  # the same order, though lower is better


def test_the_divider_shows_two_images_of_the_chosen_photo(browser: Any, path: Path) -> None:
    with visit(browser, path) as page:
        page.locator(".card").nth(3).click()
        assert page.locator("#name").inner_text() == by_psnr("generator")[3]
        page.get_by_label("Method").select_option("fitted LUT")
        assert page.locator("#viewport .tag").all_inner_texts() == ["fitted LUT", "Target"]
        page.get_by_role("button", name="Photo | result").click()
        assert page.locator("#viewport .tag").all_inner_texts() == ["Photo", "fitted LUT"]
        page.wait_for_function("document.querySelector('img.exact').complete")
        page.locator("#viewport").scroll_into_view_if_needed()
        box = page.locator("#viewport .images").bounding_box()
        left, right = box["x"] + box["width"] * 0.7, box["x"] + box["width"] * 0.95
        height = box["y"] + box["height"] * 0.8
        assert colour_at(page, left, height) == pytest.approx((255, 0, 0), abs=4)
        page.get_by_role("slider", name="Compare").fill("85")
        assert colour_at(page, left, height) == pytest.approx((128, 128, 128), abs=4)
        assert colour_at(page, right, height) == pytest.approx((255, 0, 0), abs=4)


def colour_at(page: Any, x: float, y: float) -> tuple[int, ...]:
    shot = page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})
    return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))


def test_hostile_names_stay_text(browser: Any, tmp_path: Path) -> None:
    evaluation = evaluation_of((HOSTILE, "other"), look=HOSTILE)
    (tmp_path / "page.html").write_text(paired_page(evaluation, flat_images))
    with visit(browser, tmp_path / "page.html") as page:
        assert page.locator("h1").inner_text() == HOSTILE
        assert HOSTILE in cards(page)
        assert page.locator("img[src=x]").count() == 0
