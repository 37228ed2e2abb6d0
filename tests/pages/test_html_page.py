"""One page in one file."""

import base64
import hashlib
import html.parser
import json
from pathlib import Path

import pytest

from cinegan_jax.pages.page import SHARED_STATIC, render_page

TEMPLATE = """{% extends "base.html" %}
{% block title %}{{ name }}{% endblock %}
{% block main %}<main><p id="name">{{ name }}</p></main>{% endblock %}
"""
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" ' &"


class Parsed(html.parser.HTMLParser):
    """The elements of a page, and the text between their tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text = []
        self.elements.append((tag, dict(attrs), self.text))

    def handle_endtag(self, tag: str) -> None:
        self.text = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [
            "".join(text)
            for name, found, text in self.elements
            if name == tag and attributes.items() <= found.items()
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.html").write_text(TEMPLATE)
    (tmp_path / "first.js").write_text("export const one = 1;\n\nexport class Two {}\n")
    (tmp_path / "second.js").write_text('import { one, Two } from "./first.js";\n\none + 1;\n')
    (tmp_path / "library.js").write_text("var library = 3;\n")
    return tmp_path


def page_of(folder: Path, name: str = "a name") -> str:
    values = {"name": name, "data": {"name": name, "number": 0.5}}
    scripts = ["first.js", "second.js"]
    return render_page([folder], "own.html", values, libraries=["library.js"], scripts=scripts)


def test_every_style_and_script_is_inside_and_named_by_its_digest(folder: Path) -> None:
    page = Parsed(page_of(folder))
    policy = next(a["content"] for tag, a, _ in page.elements if "http-equiv" in a)
    directives = dict(d.split(" ", 1) for d in policy.split("; "))
    assert directives["default-src"] == "'none'"
    run = [text for tag, a, text in page.elements if tag == "script" and "id" not in a]
    for directive, contents in (
        ("style-src", page.texts("style")),
        ("script-src", ["".join(text) for text in run]),
    ):
        digests = [base64.b64encode(hashlib.sha256(c.encode()).digest()).decode() for c in contents]
        assert directives[directive].split() == [f"'sha256-{digest}'" for digest in digests]
    assert not [a for tag, a, _ in page.elements if tag in ("script", "link") and "src" in a]


def test_modules_become_one_without_their_imports(folder: Path) -> None:
    (module,) = Parsed(page_of(folder)).texts("script", type="module")
    assert module == "const one = 1;\n\nclass Two {}\n\n\none + 1;\n"


def test_values_are_escaped_and_data_comes_back_as_it_was(folder: Path) -> None:
    page = Parsed(page_of(folder, HOSTILE))
    assert page.texts("p", id="name") == [HOSTILE]
    (data,) = page.texts("script", id="data")
    assert json.loads(data) == {"name": HOSTILE, "number": 0.5}
    assert not page.texts("img")


def test_a_value_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(Exception, match="'name' is undefined"):
        render_page([folder], "own.html", {"data": {}})


def test_a_script_cannot_end_its_element(folder: Path) -> None:
    (folder / "first.js").write_text('const text = "</script>";\n')
    with pytest.raises(AssertionError, match="script"):
        page_of(folder)


def test_uplot_is_as_published() -> None:
    """The digest is that of the file in the npm package uplot 1.6.32."""
    digest = hashlib.sha256(
        (SHARED_STATIC / "uplot" / "uPlot.iife.min.js").read_bytes()
    ).hexdigest()
    assert digest == "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
    assert "MIT License" in (SHARED_STATIC / "uplot" / "LICENSE").read_text()
