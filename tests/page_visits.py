"""Pages that are files, opened in a browser that watches them."""

import base64
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PATIENCE_MS = 60_000


@contextlib.contextmanager
def visit(browser: Any, path: Path, width: int = 1280, scheme: str = "dark") -> Iterator[Any]:
    """The page of a file; fails on anything its console says and on any request but for the file.

    Args:
        browser: of the fixture.
        path: the file.
        width: of the window, in pixels.
        scheme: that the reader's system has, dark or light.
    """
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_MS)
    said: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert not too_wide, "the page scrolls sideways"


def drawing(page: Any, canvas: str) -> np.ndarray:
    """Return the pixels of a canvas, int [h, w, 4]; blank ones are 0."""
    uri = page.locator(canvas).first.evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))), int)


def same(before: np.ndarray, after: np.ndarray) -> bool:
    """Return True if two drawings look the same; the smoothing of edges may differ a little."""
    return before.shape == after.shape and int(np.abs(before - after).max()) < 32
