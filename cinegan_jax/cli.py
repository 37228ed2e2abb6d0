"""The `cinegan` command. Heavy imports wait inside the subcommands."""

import contextlib
import errno
import os
import sys
from typing import Any

import typer

from cinegan_jax.collect.cli import collect_app
from cinegan_jax.convert.cli import convert_app
from cinegan_jax.core.cli_examples import examples_of
from cinegan_jax.core.errors import USER_ERROR_EXIT_CODE, UserError
from cinegan_jax.core.storage import expand_home
from cinegan_jax.core.tpu_probe import skip_absent_tpu
from cinegan_jax.darkroom.apply_command import ApplyCommand
from cinegan_jax.darkroom.cli import apply
from cinegan_jax.darkroom.looks_cli import looks
from cinegan_jax.darkroom.lut_cli import lut
from cinegan_jax.evaluation.cli import compare_command, evaluate_command
from cinegan_jax.inference.export_cli import export
from cinegan_jax.preflight.cli import preflight
from cinegan_jax.prepare.cli import prepare
from cinegan_jax.report.cli import report
from cinegan_jax.sampling.cli import sample
from cinegan_jax.training.cli import train_command
from cinegan_jax.web.cli import serve

USE, TRAIN = "Use a look", "Train one"
OUTPUT_ERROR_EXIT_CODE = 1
"""Exit code where standard output cannot be written, as that of Unix tools."""
OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Errors of a standard output that is closed or full; they name no file."""


class _Commands(typer.core.TyperGroup):
    """Group of commands that prints errors of the user and of the file system as one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        skip_absent_tpu()
        return super().parse_args(ctx, [expand_home(argument) for argument in args])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except OSError as error:
            if error.errno not in OUTPUT_ERRORS:
                raise
            _report_output_error(error)
            sys.exit(OUTPUT_ERROR_EXIT_CODE)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"cinegan: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            if error.filename is None or not error.strerror:
                raise
            typer.echo(f"cinegan: {os.fspath(error.filename)!r}: {error.strerror}", err=True)
            raise typer.Exit(USER_ERROR_EXIT_CODE) from error


def _report_output_error(error: OSError) -> None:
    """Report in one line that the output cannot be written, and drop what is unwritten.

    A closed pipe is not reported, for its reader, such as `head`, needs no more.
    """
    try:
        sys.stdout.flush()
    except OSError:  # Python would try once more at its end, and print a traceback
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        with contextlib.suppress(OSError):
            where = "standard output or the disk of the results"
            typer.echo(f"cinegan: {where}: {error.strerror}", err=True)


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
app.command(cls=ApplyCommand, rich_help_panel=USE)(apply)
for command in (serve, looks, lut, export):
    app.command(rich_help_panel=USE)(command)
app.add_typer(collect_app, name="collect", rich_help_panel=TRAIN)
app.command(rich_help_panel=TRAIN)(prepare)
app.add_typer(convert_app, name="convert", rich_help_panel=TRAIN)
app.command("train", rich_help_panel=TRAIN)(train_command)
app.command(rich_help_panel=TRAIN)(preflight)
app.command("evaluate", rich_help_panel=TRAIN)(evaluate_command)
app.command("compare", rich_help_panel=TRAIN)(compare_command)
app.command(rich_help_panel=TRAIN)(report)
app.command(rich_help_panel=TRAIN)(sample)


def _add_examples(commands: typer.Typer, path: str = "") -> None:
    """Let the help of every command end with its examples."""
    for command in commands.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.epilog = examples_of(f"{path} {name}".strip())
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _add_examples(group.typer_instance, f"{path} {group.name}".strip())


_add_examples(app)


@app.callback()
def _cinegan() -> None:
    """Film looks on photographs, and the training of new ones."""


if __name__ == "__main__":
    app()
