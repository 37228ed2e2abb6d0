"""Conventions of the code that neither ruff nor mypy checks."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "cinegan_jax").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
CONFIGS = sorted((ROOT / "configs").rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef

COMMON_NAMES = {"build", "get_config", "main"}
"""Names that several modules may define: each is found by the module, not by the name."""
PHOTO_FORMAT_NAMES = {"open_file", "encode"}
"""Functions of the protocol of `photos.formats.registry`, which each of its modules defines."""
VAGUE_WORDS = ("Of", "In", "As", "By", "What", "Whether")
PRIVATE_JAX_IS_USED_BY = {"cinegan_jax/training/multihost.py", "tests/launch/test_jobset.py"}


def place(path: Path, node: ast.AST | None = None) -> str:
    """Return a file's path in the repository, with the line of a node."""
    line = getattr(node, "lineno", None)
    return f"{path.relative_to(ROOT)}{f':{line}' if line else ''}"


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def assigned_names(target: ast.expr) -> Iterator[str]:
    """Yield the names that an assignment binds, also those in a tuple."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from assigned_names(element)


def defined_names(module: ast.Module) -> Iterator[str]:
    """Yield the names that the top level of a module defines; imports are not definitions."""
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign(targets=targets):
                for target in targets:
                    yield from assigned_names(target)
            case ast.AnnAssign(target=target):
                yield from assigned_names(target)


def test_every_public_name_is_defined_once() -> None:
    modules = defaultdict(set)
    for path in PACKAGE:
        for name in defined_names(tree(path)):
            if not name.startswith("_"):
                modules[name].add(place(path))
    allowed = COMMON_NAMES | PHOTO_FORMAT_NAMES
    repeated = {n: sorted(paths) for n, paths in modules.items() if len(paths) > 1}
    assert {n: paths for n, paths in repeated.items() if n not in allowed} == {}
    for name in PHOTO_FORMAT_NAMES:
        assert all("/photos/formats/" in path for path in modules[name]), modules[name]


def docstrings(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Yield the docstrings of a file and the strings that document assignments."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree(path)):
        for child in node.body if isinstance(node, documented) else []:
            match child:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield child, text


def test_docstrings_start_with_what_they_describe() -> None:
    vague = re.compile(rf"(?:{'|'.join(VAGUE_WORDS)})\b")
    found = [
        f"{place(path, node)}: {text.splitlines()[0]}"
        for path in PACKAGE + TESTS + CONFIGS + BENCHMARKS
        for node, text in docstrings(path)
        if vague.match(text)
    ]
    assert found == []


def imported_modules(path: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((node, f"{module}.{alias.name}") for alias in names)


def test_private_modules_of_jax_are_not_imported() -> None:
    found = [
        f"{place(path, node)}: {module}"
        for path in PACKAGE + TESTS + CONFIGS + BENCHMARKS
        for node, module in imported_modules(path)
        if f"{module}.".startswith("jax._src.") and place(path) not in PRIVATE_JAX_IS_USED_BY
    ]
    assert found == []


def functions(path: Path) -> Iterator[Function]:
    return (
        n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def is_annotated(function: Function) -> bool:
    """Return whether mypy's `disallow_untyped_defs` accepts a function."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    typed = [a.annotation is not None for a in named if a.arg not in ("self", "cls")]
    if function.name == "__init__" and typed:
        return all(typed)
    return function.returns is not None and all(typed)


def test_functions_of_tests_and_benchmarks_are_annotated() -> None:
    found = [
        f"{place(path, function)}: {function.name}"
        for path in TESTS + BENCHMARKS
        for function in functions(path)
        if not is_annotated(function)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(): pass\nclass C: pass\nasync def g(): pass", {"f", "C", "g"}),
        ("A, (B, c) = 1, (2, 3)\nd: int = 4\nfrom e import f\nimport g", {"A", "B", "c", "d"}),
        ("h.i = 1\nj[0] = 2\nif k:\n    l = 3", set()),
    ],
)
def test_defined_names(source: str, names: set[str]) -> None:
    assert set(defined_names(ast.parse(source))) == names


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f() -> None: ...", True),
        ("def f(): ...", False),
        ("def f(a, b: int) -> None: ...", False),
        ("def f(*a: int, **b: str) -> None: ...", True),
        ("def f(*a, b: int) -> None: ...", False),
        ("class C:\n    def __init__(self, a: int): ...", True),
        ("class C:\n    def __init__(self): ...", False),
        ("class C:\n    def f(self) -> None: ...", True),
    ],
)
def test_annotated_functions(source: str, expected: bool) -> None:
    (function,) = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef))
    assert is_annotated(function) == expected
