"""The page in headless Chromium, used like a person would."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import hostile
import pytest
from PIL import Image
from serving import Darkroom

from cinegan_jax.inference.look_file import write_look
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect, Page = sync_api.expect, sync_api.Page

PATIENCE_MS = 60_000
WIDTH, HEIGHT = 80, 60


@pytest.fixture
def page(browser: object, darkroom: Darkroom) -> Iterator[Page]:
    """Open the page with the fast look; fail on any error that the browser logs."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    errors: list[str] = []
    addresses: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: addresses.append(request.url))
    looks = [{"name": "small", "description": "", "monochrome": False, "halation": 0, "bloom": 0}]
    page.route("**/v1/looks", lambda route: route.fulfill(json=looks))
    own = str(darkroom.client.base_url)
    page.goto(own)
    expect(page.locator("#limits")).not_to_be_empty()  # from here on it takes photos
    yield page
    page.close()
    assert [error for error in errors if "422" not in error] == []  # what a bad photo is answered
    assert [a for a in addresses if not a.startswith((own, f"blob:{own}", "blob:null"))] == []


def photo(name: str = "one.jpg", seed: int = 0) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": hostile.jpeg(HEIGHT, WIDTH, seed)}


def add(page: Page, *photos: dict[str, object]) -> None:
    page.set_input_files("#files", list(photos))


def developed(page: Page) -> None:
    """Wait for the full-size result."""
    expect(page.locator("#status")).to_have_text(f"Full size, {WIDTH}\u2009\u00d7\u2009{HEIGHT}")


def test_a_photo_is_shown_developed_and_saved(page: Page) -> None:
    add(page, photo())
    developed(page)
    expect(page.locator("img.exact")).to_have_attribute("src", re.compile("^blob:"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download photo").click()
    assert waiting.value.suggested_filename == "one-small.jpg"
    saved = Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    assert (saved.format, saved.size) == ("JPEG", (WIDTH, HEIGHT))
    assert saved.getexif()[0x010F] == "A camera"
    expect(page.locator("#notice")).to_have_text("Saved to your downloads.")


def test_keyboard_and_mouse_move_the_divider(page: Page) -> None:
    add(page, photo())
    developed(page)
    divider = page.get_by_role("slider", name="Compare")
    divider.focus()
    middle = page.locator(".handle").bounding_box()["x"]
    for _ in range(5):
        page.keyboard.press("PageUp")
    right = page.locator(".handle").bounding_box()["x"]
    assert right > middle + 50
    clip = page.locator(".images .after").evaluate("e => getComputedStyle(e).clipPath")
    box = page.locator(".images").bounding_box()
    assert abs(float(re.search(r"([\d.]+)px\)", clip)[1]) - (right + 1 - box["x"])) < 2
    handle = page.locator(".handle").bounding_box()
    page.mouse.move(handle["x"] + 1, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, handle["y"] + 40, steps=5)
    page.mouse.up()
    assert abs(page.locator(".handle").bounding_box()["x"] - (box["x"] + 100)) < 4
    expect(divider).to_have_attribute("aria-valuetext", re.compile("% before"))


def test_strength_is_blended_immediately_and_then_developed(page: Page) -> None:
    add(page, photo())
    developed(page)
    page.get_by_role("slider", name="Strength").fill("50")
    expect(page.locator("#strength-value")).to_have_text("50\u2009%")
    assert page.locator("img.preview").evaluate("e => e.style.opacity") == "0.5"
    expect(page.locator("img.exact")).to_be_hidden()
    developed(page)
    expect(page.locator("img.exact")).to_be_visible()
    page.get_by_role("slider", name="Strength").fill("125")
    expect(page.locator("img.stronger")).to_be_visible()
    assert page.locator("img.stronger").evaluate("e => e.style.opacity") == "0.5"
    developed(page)


def test_at_100_percent_pixels_are_unscaled_and_the_photo_can_be_moved(page: Page) -> None:
    page.set_viewport_size({"width": 500, "height": 700})
    wide = hostile.jpeg(90, 900)
    add(page, {"name": "wide.jpg", "mimeType": "image/jpeg", "buffer": wide})
    expect(page.locator("#status")).to_have_text("Full size, 900\u2009\u00d7\u200990")
    assert page.locator(".images").bounding_box()["width"] <= 500
    page.get_by_role("button", name="100").click()
    box = page.locator(".images").bounding_box()
    assert (box["width"], box["height"]) == (900, 90)
    viewport = page.locator("#viewport")
    viewport.focus()
    page.keyboard.press("ArrowRight")
    moved = page.locator(".images").bounding_box()
    assert moved["x"] == box["x"] - 60
    area = viewport.bounding_box()
    page.mouse.move(area["x"] + 80, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + 110, area["y"] + area["height"] / 2, steps=3)
    page.mouse.up()
    assert page.locator(".images").bounding_box()["x"] == moved["x"] + 30
    page.get_by_role("button", name="Fit").click()
    assert page.locator(".images").bounding_box()["width"] <= 500


def test_a_bad_file_is_reported_and_the_others_are_saved(page: Page) -> None:
    bad = {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    add(page, photo("one.jpg"), bad, photo("two.jpg", seed=1))
    developed(page)
    saved = []
    page.on("download", lambda download: saved.append(download.suggested_filename))
    page.get_by_role("button", name="Download all 3").click()
    expect(page.locator("#notice")).to_contain_text("2 of 3 photos saved")
    expect(page.locator("#notice")).to_contain_text("1 failed: bad.jpg")
    assert saved == ["one-small.jpg", "two-small.jpg"]
    page.get_by_role("button", name="Show bad.jpg").click()
    expect(page.get_by_role("alert")).to_contain_text("bad.jpg: not an image of a supported format")
    page.get_by_role("button", name="Remove bad.jpg").click()
    expect(page.get_by_role("button", name="Download all 2")).to_be_visible()


def test_a_format_that_browsers_cannot_display_is_kept(page: Page) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(hostile.jpeg(HEIGHT, WIDTH))).save(file, "TIFF")
    add(page, {"name": "scan.tif", "mimeType": "image/tiff", "buffer": file.getvalue()})
    developed(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download photo").click()
    assert waiting.value.suggested_filename == "scan-small.tif"
    saved = Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    assert (saved.format, saved.size) == ("TIFF", (WIDTH, HEIGHT))


def test_every_control_has_a_name(page: Page) -> None:
    add(page, photo())
    developed(page)
    unnamed = page.evaluate_handle("document").evaluate(
        """page => [...page.querySelectorAll('button, input, select, a')]
            .filter(e => e.checkVisibility() && e.type !== 'radio')
            .filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
            .map(e => e.outerHTML)"""
    )
    assert unnamed == []


def test_the_http_interface_is_documented(page: Page, darkroom: Darkroom) -> None:
    page.goto(f"{darkroom.client.base_url}/docs")
    expect(page.get_by_role("heading", name="POST /v1/apply")).to_be_visible()
    expect(page.get_by_role("cell", name="strength")).to_be_visible()


def test_the_look_is_saved_as_a_lut(page: Page) -> None:
    page.route(
        "**/v1/lut?look=small&size=33",
        lambda route: route.fulfill(
            body="LUT_3D_SIZE 33",
            headers={"Content-Disposition": "attachment; filename*=UTF-8''small.cube"},
        ),
    )
    add(page, photo())
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the look as .cube").click()
    assert waiting.value.suggested_filename == "small.cube"
    expect(page.locator("#notice")).to_have_text("small.cube saved to your downloads.")
    expect(page.locator("#notice")).to_have_text("small.cube saved to your downloads.")


def test_grain_and_glow_are_sent_with_the_photo(page: Page) -> None:
    add(page, photo())
    developed(page)
    expect(page.get_by_role("slider", name="Grain size")).to_be_disabled()
    for name, value in (("Grain", 200), ("Grain size", 50), ("Halation", 100), ("Bloom", 30)):
        page.get_by_role("slider", name=name, exact=True).fill(str(value))
    expect(page.locator("#halation-value")).to_have_text("100\u2009%")
    with page.expect_request(lambda request: "max_side" not in (request.post_data or "")) as sent:
        developed(page)
    fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n', sent.value.post_data))
    expected = {"grain": "2", "grain_size": "0.5", "halation": "1", "bloom": "0.3"}
    assert {name: fields[name] for name in expected} == expected


def test_the_light_is_sent_with_the_photo(page: Page) -> None:
    add(page, photo())
    developed(page)
    page.get_by_role("slider", name="Exposure").fill("-120")
    expect(page.locator("#exposure-value")).to_have_text("-1.2\u2009EV")
    page.get_by_role("combobox", name="White balance").select_option("Light bulb, 2850 K")
    with page.expect_request(lambda request: "max_side" not in (request.post_data or "")) as sent:
        developed(page)
    fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n', sent.value.post_data))
    assert (fields["exposure"], fields["white_balance"]) == ("-1.2", "2850")


def test_a_look_is_chosen_on_the_contact_sheet(page: Page, darkroom: Darkroom) -> None:
    page.unroute("**/v1/looks")
    looks = [
        {"name": n, "description": "", "monochrome": False, "halation": 0, "bloom": 0}
        for n in ("small", "twin")
    ]
    page.route("**/v1/looks", lambda route: route.fulfill(json=looks))
    page.route("**/v1/apply", lambda route: route.continue_(post_data=_as_small(route.request)))
    page.reload()
    expect(page.locator("#limits")).not_to_be_empty()
    add(page, photo())
    developed(page)
    page.get_by_role("button", name="Compare all looks").click()
    sheet = page.get_by_role("dialog", name="All looks on this photo")
    expect(sheet.get_by_role("button", name="Small")).to_have_attribute("aria-pressed", "true")
    expect(sheet.locator("img[src^=blob]")).to_have_count(2)
    sheet.get_by_role("button", name="Twin").click()
    expect(sheet).to_be_hidden()
    expect(page.locator("input[value=twin]")).to_be_checked()
    developed(page)


def _as_small(request: object) -> bytes:
    return request.post_data_buffer.replace(b"\r\n\r\ntwin\r\n", b"\r\n\r\nsmall\r\n")


def test_a_look_file_becomes_a_look(page: Page, darkroom: Darkroom, tmp_path: Path) -> None:
    write_look(darkroom.look, tmp_path / "mine.safetensors")
    add(page, photo())
    developed(page)
    page.set_input_files("#look", tmp_path / "mine.safetensors")
    expect(page.locator("#looks input:checked")).to_have_value("mine.safetensors")
    expect(page.get_by_role("button", name="Download the look as .cube")).to_be_hidden()
    developed(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download photo").click()
    assert waiting.value.suggested_filename == "one-mine.jpg"


def test_a_bad_look_file_is_reported_and_others_still_work(page: Page) -> None:
    add(page, photo())
    developed(page)
    bad = {"name": "bad.safetensors", "mimeType": "", "buffer": b"no look"}
    page.set_input_files("#look", bad)
    expect(page.get_by_role("alert")).to_contain_text("bad.safetensors")
    page.locator("input[value=small]").check()
    developed(page)


def test_notes_of_a_development_are_shown(page: Page) -> None:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("teal", "red")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    add(page, {"name": "moving.gif", "mimeType": "image/gif", "buffer": file.getvalue()})
    developed(page)
    page.get_by_text("1 note").click()
    expect(page.locator("#notes li")).to_contain_text("frame")


def test_the_file_chooser_offers_every_photo(page: Page) -> None:
    """Some choosers compare letter by letter, and cameras write `.HIF`."""
    accepted = page.locator("#files").get_attribute("accept").split(",")
    assert {*PHOTO_SUFFIXES, *(suffix.upper() for suffix in PHOTO_SUFFIXES)} <= set(accepted)
