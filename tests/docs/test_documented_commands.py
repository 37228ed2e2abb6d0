"""Commands of the documentation: they, their options and their config keys exist. None is run."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typer
from markdown_pages import GUIDES, ROOT, Page

from cinegan_jax.cli import app
from cinegan_jax.config.load import load_config
from cinegan_jax.main import FLAGS

MAIN = ["python", "-m", "cinegan_jax.main"]
FILE_ENDINGS = ("csv", "html", "json", "jsonl", "keras", "md", "py", "svg")
KEY = re.compile(r"(?:--)?(?:config\.)?([a-z]\w*(?:\.[a-z]\w*)+)(?:=\S+)?")
CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("[a-z]*.py"))


def name(path: Path) -> str:
    """Return a page's path in the repository."""
    return str(path.relative_to(ROOT))


def documented(program: list[str]) -> list[pytest.param]:
    """Return the arguments of each command of the documentation that runs a program."""
    return [
        pytest.param(command[len(program) :], id=f"{name(path)}: {' '.join(command)}")
        for path in GUIDES
        for command in Page(path).commands
        if command[: len(program)] == program
    ]


@pytest.mark.parametrize("arguments", documented(["cinegan"]))
def test_commands_and_options_exist(arguments: list[str]) -> None:
    command, context, values, rest = parse(arguments)
    assert not rest or context.allow_extra_args
    hints = get_type_hints(command.callback)
    for parameter in command.params:
        value = values.get(parameter.name)
        assert value not in (None, (), []) or not parameter.required, parameter.name
        if isinstance(value, str) and (allowed := choices(hints.get(parameter.name))):
            assert value in allowed, parameter.name
    check_config(values.get("config"), [*(values.get("set_") or values.get("set") or []), *rest])


@pytest.mark.parametrize("arguments", documented(MAIN))
def test_flags_of_main_exist(arguments: list[str]) -> None:
    config, overrides = None, []
    for argument in arguments:
        flag, equals, value = argument.removeprefix("--").partition("=")
        assert equals
        if flag.startswith("config."):
            overrides.append(argument)
        elif flag == "config":
            config = value
        else:
            FLAGS[flag].parser.parse(value)
    assert config
    check_config(config, overrides)


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_commands_in_sentences_exist(path: Path) -> None:
    for span in Page(path).inline_code:
        if re.match(r"cinegan [a-z]", span):
            words = span.split()[1:]
            command, _ = find(words)
            known = {name for option in command.params for name in option_names(option)}
            options = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert options <= known | {"--help"}, span


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_config_keys_exist(path: Path) -> None:
    known = set(config_keys())
    sections = {key.split(".")[0] for key in known if "." in key}
    found = (KEY.fullmatch(span) for span in Page(path).inline_code)
    keys = {match[1] for match in found if match and match[1].split(".")[0] in sections}
    keys = {key for key in keys if not key.endswith(FILE_ENDINGS)}
    assert not [k for k in keys if k not in known and not any(x.startswith(f"{k}.") for x in known)]


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_programs_run_as_modules_exist(path: Path) -> None:
    lines = [*Page(path).inline_code, *(" ".join(command) for command in Page(path).commands)]
    modules = {match[1] for line in lines if (match := re.match(r"python -m (\S+)", line))}
    ours = {m for m in modules if m.split(".")[0] in ("benchmarks", "cinegan_jax", "docs")}
    assert not [m for m in ours if not (ROOT / m.replace(".", "/")).with_suffix(".py").is_file()]
    assert not [m for m in modules - ours if importlib.util.find_spec(m) is None]


def parse(arguments: list[str]) -> tuple[Any, Any, dict[str, Any], list[str]]:
    """Return a command of `cinegan`, its context, and its options and other arguments as text.

    Typer's parser raises its own usage error where there is no such option.
    """
    command, rest = find(arguments)
    context = command.context_class(command, **command.context_settings)
    values, rest, _ = command.make_parser(context).parse_args(rest)
    return command, context, values, rest


def find(arguments: list[str]) -> tuple[Any, list[str]]:
    """Return the command or group that the first arguments name, and the others."""
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    while isinstance(command, typer.core.TyperGroup) and rest:
        context = command.context_class(command)
        found = command.get_command(context, rest[0])
        assert found, f"no command {rest[0]}"
        command, rest = found, rest[1:]
    return command, rest


def option_names(option: Any) -> list[str]:
    """Return the spellings of an option, such as `--recursive` and `-r`."""
    return [*option.opts, *option.secondary_opts]


def choices(hint: Any) -> set[Any]:
    """Return the values of the literals in a type."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return {value for part in get_args(hint) for value in choices(part)}


def check_config(config: object, overrides: list[str]) -> None:
    """Raise a UserError where there is no such shipped config, or it has no such key."""
    if config in CONFIGS or str(config).startswith("configs/"):
        load_config(str(config), overrides)
    else:
        assert config is None


def config_keys() -> Iterator[str]:
    """Yield the keys of all shipped configs, with dots."""
    for each in CONFIGS:
        pending = [("", load_config(each).to_dict())]
        while pending:
            prefix, tree = pending.pop()
            for key, value in tree.items():
                yield f"{prefix}{key}"
                if isinstance(value, dict):
                    pending.append((f"{prefix}{key}.", value))
