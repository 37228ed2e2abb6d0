"""Links, anchors, file names and the length of the README."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_pages import GUIDES, PAGES, ROOT, Page, github_slug, simple_commands

PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/[\w.-]+\.(py|sh|yaml|css)")


def name(path: Path) -> str:
    """Return a page's path in the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_relative_links_and_anchors_resolve(path: Path) -> None:
    broken = [link for link in Page(path).links if not resolves(path, link)]
    assert not broken


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_named_files_exist(path: Path) -> None:
    words = [word for span in Page(path).inline_code for word in span.split()]
    words += [word for command in Page(path).commands for word in command]
    named = {word for word in words if PATH.fullmatch(word)}
    roots = (ROOT, ROOT / "cinegan_jax", path.parent)
    assert not [file for file in named if not any((root / file).exists() for root in roots)]


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 250


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Add a family", "add-a-family"),
        ("`health.jsonl`", "healthjsonl"),
        ("5. Train on your own data, and on TPUs", "5-train-on-your-own-data-and-on-tpus"),
        ("The server, its [page](x.md) & this site", "the-server-its-page--this-site"),
    ],
)
def test_slugs_are_those_of_github(heading: str, slug: str) -> None:
    assert github_slug(heading) == slug


def test_commands_are_found_in_shell() -> None:
    script = "A=1 one --x=2 \\\n  y && two 'a b' > out  # note\nwhile true; do three; done"
    found = [["one", "--x=2", "y"], ["two", "a b"], ["out"], ["true"], ["three"], ["done"]]
    assert list(simple_commands(script)) == found


def resolves(page: Path, link: str) -> bool:
    """Return whether a link leaves the repository, or leads to a file and heading in it."""
    if re.match(r"[a-z]+:", link):
        return True
    target, _, anchor = unquote(link).partition("#")
    file = (page.parent / target).resolve() if target else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return False
    return not anchor or (file.suffix == ".md" and anchor in Page(file).anchors)
