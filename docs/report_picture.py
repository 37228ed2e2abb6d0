"""Makes docs/report.jpg, the head of a run's report as a browser shows it.

Command: python -m docs.report_picture WORKDIR    (needs playwright and Chromium)
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

PICTURE = Path(__file__).with_name("report.jpg")
WIDTH, HEIGHT = 1280, 1180


def main() -> None:
    """Writes the report beside nothing else, opens it and keeps what is seen first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", help="of a run with samples and scores")
    workdir = parser.parse_args().workdir
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_report(open_path(workdir), open_path(page), time.time())
        shot = screenshot(page)
    Image.open(io.BytesIO(shot)).convert("RGB").save(PICTURE, quality=84, optimize=True)


def screenshot(page: Path) -> bytes:
    """A file as Chromium shows it in the dark, as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark")
        tab.goto(page.as_uri())
        tab.wait_for_timeout(500)  # charts and pictures are drawn
        shot = tab.screenshot()
        browser.close()
    return shot


if __name__ == "__main__":
    main()
