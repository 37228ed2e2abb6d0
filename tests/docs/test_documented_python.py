"""Python examples of the documentation: they parse, and what they import from here exists."""

import ast
import importlib
from pathlib import Path

import pytest
from markdown_pages import GUIDES, ROOT, Page

EXAMPLES = [
    pytest.param(block, id=f"{path.relative_to(ROOT)}-{number}")
    for path in GUIDES
    for number, block in enumerate(Page(path).blocks("python"))
]
SCRIPTS = sorted((ROOT / "docs").glob("*_image*.py"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_imported_names_exist(example: str) -> None:
    for node in ast.walk(ast.parse(example)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cinegan_jax"):
            module = importlib.import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


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
