"""Python examples of the documentation: they parse, and what they import from here exists."""

import ast
import importlib.util
from pathlib import Path

import pytest
from markdown_pages import GUIDES, ROOT, Page

EXAMPLES = [
    pytest.param(block, id=f"{path.relative_to(ROOT)}-{number}")
    for path in GUIDES
    for number, block in enumerate(Page(path).blocks("python"))
]
SCRIPTS = sorted((ROOT / "docs").glob("*_image*.py"))


def exists(module: str, name: str) -> bool:
    """Return whether a module has a name, or a package a module of that name."""
    found = importlib.import_module(module)
    if hasattr(found, name) or not hasattr(found, "__path__"):
        return hasattr(found, name)
    return importlib.util.find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("example", EXAMPLES)
def test_imported_names_exist(example: str) -> None:
    for node in ast.walk(ast.parse(example)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cinegan_jax"):
            assert [
                each.name for each in node.names if not exists(str(node.module), each.name)
            ] == []


@pytest.mark.parametrize(
    "script", sorted((ROOT / "docs").glob("*_image*.py")), ids=lambda p: p.name
)
def test_scripts_import_names_that_exist(script: Path) -> None:
    test_imported_names_exist(script.read_text())


def test_the_readme_calls_the_python_interface() -> None:
    import cinegan_jax

    tree = ast.parse("\n".join(Page(ROOT / "README.md").blocks("python")))
    calls = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    assert {"load_look", "load_run", "train", "evaluate"} <= set(calls)
    assert all(hasattr(cinegan_jax, name) for name in calls)
