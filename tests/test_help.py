"""Help of the commands: examples that exist, and the formats of photos."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.cli_examples import EXAMPLES
from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
from cinegan_jax.photos.kinds import SUFFIXES_BY_KIND


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that name it."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def help_of(command: str) -> str:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


def test_examples_are_those_of_all_commands() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_ends_with_examples_that_its_parser_takes(command: str) -> None:
    shown = help_of(command)
    for example in EXAMPLES[command]:
        assert example in shown
        words = shlex.split(example.partition("| ")[2] or example)
        words = words[: words.index(">")] if ">" in words else words
        assert words[0] == "cinegan"
        arguments = words[1 + len(command.split()) :]
        context = typer.Context(COMMANDS[command])
        _, rest, _ = COMMANDS[command].make_parser(context).parse_args(arguments)
        assert rest == [] or context.allow_extra_args


def test_the_help_of_apply_lists_the_formats() -> None:
    shown = help_of("apply")
    assert f"Formats of --format: {', '.join(WRITTEN_SUFFIXES)}." in shown
    for kind, suffixes in SUFFIXES_BY_KIND.items():
        assert kind in shown
        assert kind != "raw" or " ".join(suffixes) in shown
