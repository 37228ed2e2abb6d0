"""Pages that are files, opened in a browser that watches them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


def inked(page: Any, canvas: str) -> int:
    """How many pixels of a canvas are not blank."""
    return page.locator(canvas).first.evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.filter((value, index) => index % 4 === 3 && value > 0).length;
        }"""
    )


def wait_until(page: Any, expression: str) -> None:
    """Returns when JavaScript's expression is true."""
    try:
        page.wait_for_function(expression)
    except Exception as error:
        pytest.fail(f"never true: {expression} ({error})")
