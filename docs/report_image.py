"""Make docs/report.jpg, a screenshot of the head of a run's report.

Command: python -m docs.report_image WORKDIR    (needs playwright and Chromium)
"""

import argparse
import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from cinegan_jax.core.storage import open_path
from cinegan_jax.report.page import write_report

IMAGE = Path(__file__).with_name("report.jpg")
WIDTH, HEIGHT = 1280, 1180


def main() -> None:
    """Write the report into a temporary folder, open it and save a screenshot of its head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", help="of a run with samples and scores")
    workdir = parser.parse_args().workdir
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_report(open_path(workdir), open_path(page), time.time())
        shot = screenshot(page)
    Image.open(io.BytesIO(shot)).convert("RGB").save(IMAGE, quality=84, optimize=True)


def screenshot(page: Path) -> bytes:
    """Return a PNG of an HTML file in Chromium with dark colours."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark")
        tab.goto(page.as_uri())
        tab.wait_for_timeout(500)  # charts and images are drawn
        shot = tab.screenshot()
        browser.close()
    return shot


if __name__ == "__main__":
    main()
