"""The documentation as a site: it builds without a warning and fetches nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import ROOT

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings")
from docs.shared_descriptions import SHARED, separate

ASSET = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc=["'](?:https?:)?//[^"']*
    |<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preconnect|preload|dns-prefetch))
      [^>]*?\bhref=["']?(?:https?:)?//[^"'>\s]*
    |@import\s+(?:url\()?["']?(?:https?:)?//[^"');]*
    |url\(\s*["']?(?:https?:)?//[^"')]*""",
    re.VERBOSE,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_each_subpackage_has_its_page_of_reference(site: Path) -> None:
    for room in {path.parent for path in (ROOT / "cinegan_jax").glob("*/[a-z]*.py")}:
        page = (site / "docs" / "reference" / room.name / "index.html").read_text()
        for module in room.glob("[a-z]*.py"):
            assert f'id="cinegan_jax.{room.name}.{module.stem}"' in page, module


def test_pages_fetch_nothing_from_other_hosts(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    assert not {hit for page in pages for hit in ASSET.findall(page.read_text())}
    # The theme fetches its drawing library from a CDN for a page with a diagram.
    assert not [page for page in pages if 'class="mermaid"' in page.read_text()]


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="https://unpkg.com/x.js">',
        '<link href="https://fonts.googleapis.com/css" rel="stylesheet">',
        "<img alt='' src='//cdn.example/x.png'>",
        "@import 'https://example.org/x.css'",
        "src: url(https://fonts.gstatic.com/x.woff2)",
    ],
)
def test_assets_of_other_hosts_are_recognised(text: str) -> None:
    assert ASSET.search(text)


def test_parameters_that_share_a_description_each_get_it() -> None:
    docstring = "Return it.\n\nArgs:\n  low, high: both ends,\n    in units.\n  name: as a, b: c."
    separated = (
        "Return it.\n\nArgs:\n  low: both ends,\n    in units.\n  high: both ends,\n    in units.\n"
        "  name: as a, b: c."
    )
    assert SHARED.sub(separate, docstring) == separated
