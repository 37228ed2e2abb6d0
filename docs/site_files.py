"""Hooks of mkdocs.yml: the site mirrors the repository, and the package documents itself.

Pages keep their paths in the repository, so relative links between README.md, docs/, configs/ and
launch/ work unchanged on the site and on GitHub. Each subpackage gets one generated page of
reference, made from its docstrings without importing it.
"""

import ast
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cinegan_jax"
REFERENCE = "docs/reference.md"

SHOWN = (
    "*.md",
    "LICENSE",
    "configs/*.py",
    "docs/**/*.css",
    "docs/**/*.csv",
    "docs/**/*.jpg",
    "docs/**/*.md",
    "docs/**/*.png",
    "docs/**/*.svg",
    "launch/README.md",
    "cinegan_jax/**/*.md",
    "cinegan_jax/data/sample_photos/LICENSES.csv",
)
"""Files of the repository that the site has, as glob patterns."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the generated pages to the navigation, below the page that introduces them."""
    for section in config.nav or []:
        (pages,) = section.values()
        if isinstance(pages, list) and REFERENCE in pages:
            place = pages.index(REFERENCE)
            rooms: list[Any] = [{room.name: _page(room)} for room in _rooms()]
            pages[place] = {"Reference": [REFERENCE, *rooms]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of `docs_dir` by those of the whole repository, under their own paths."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in sorted({path for pattern in SHOWN for path in ROOT.glob(pattern)}):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    for room in _rooms():
        files.append(File.generated(config, _page(room), content=_reference(room)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Append the public names of the package to the page that introduces the reference."""
    if page.file.src_uri != REFERENCE:
        return markdown
    options = (
        "    options: {heading_level: 3, show_root_full_path: false, skip_local_inventory: true}\n"
    )
    names = [f"::: {module}.{name}\n{options}" for name, module in _public_names().items()]
    return "\n".join([markdown, "## Public names\n", *names])


def _public_names() -> dict[str, str]:
    """Return the module of each public name: the one dictionary in the package's `__init__`."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    (table,) = [ast.literal_eval(value) for value in values if isinstance(value, ast.Dict)]
    return table


def _rooms() -> list[Path]:
    """Return the folders of the package that hold modules: itself, then its subpackages by name."""
    rooms = {path.parent for path in PACKAGE.glob("*/*.py") if path.name != "__init__.py"}
    return [PACKAGE, *sorted(rooms)]


def _page(room: Path) -> str:
    return f"docs/reference/{room.name}.md"


def _reference(room: Path) -> str:
    """Return the Markdown of one folder: its docstring, then its modules by name."""
    files = PACKAGE.glob("*.py") if room == PACKAGE else room.rglob("*.py")
    modules = [_dotted(path.with_suffix("")) for path in sorted(files) if path.stem != "__init__"]
    docstring = [f"::: {_dotted(room)}", "    options:", "      members: false"]
    docstring += ["      show_root_heading: false", "      show_root_toc_entry: false", ""]
    return "\n".join([f"# {room.name}", "", *docstring, *(f"::: {name}\n" for name in modules)])


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parts)
