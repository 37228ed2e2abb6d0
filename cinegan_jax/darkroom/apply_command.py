"""Parser, help and presets of the command `apply`: a lone --grain, the list of formats."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cinegan_jax.core.errors import UserError

_NOT_IN_PRESETS = {
    *("photos", "output", "recursive", "overwrite", "jobs", "preset", "save_preset", "help")
}
"""Parameters that say what to work on rather than how."""


class ApplyCommand(typer.core.TyperCommand):
    """The command `apply`: its option --grain may stand alone, and its help lists the formats."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, with the formats as the readers and writers have them."""
        self.epilog = f"{self.epilog or ''}\n\n{_formats()}"
        super().format_help(ctx, formatter)

    def make_parser(self, ctx: Any) -> Any:
        """Return a parser that gives a --grain without an amount the amount 1."""
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args
        parser.parse_args = lambda args: parse(list(_with_amounts(args)))
        return parser


def _with_amounts(args: list[str]) -> Iterator[str]:
    for index, argument in enumerate(args):
        yield argument
        if argument == "--grain" and not _is_number("".join(args[index + 1 : index + 2])):
            yield "1"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def use_preset(ctx: typer.Context, preset: Path | None) -> Path | None:
    """Let the options of a preset be the defaults of the others.

    Raises:
      UserError: the file is no preset.
    """
    if preset is not None and not ctx.resilient_parsing:
        from cinegan_jax.darkroom.presets import read_preset

        options = {option: parameter.name for option, parameter in _options(ctx)}
        lists = {parameter.name for _, parameter in _options(ctx) if parameter.multiple}
        ctx.default_map = read_preset(preset, options, lists)
    return preset


@contextlib.contextmanager
def naming_preset(ctx: typer.Context, preset: Path | None) -> Iterator[None]:
    """Name the preset in the error about a look that comes from it."""
    try:
        yield
    except UserError as error:
        source = ctx.get_parameter_source("look")
        if preset is None or source is None or source.name != "DEFAULT_MAP":
            raise
        raise UserError(f"--preset {preset}: {error}: give --look") from error


def save_options(ctx: typer.Context, path: Path) -> None:
    """Write the options of a command as a preset."""
    from cinegan_jax.darkroom.presets import write_preset

    write_preset(path, {option: ctx.params[parameter.name] for option, parameter in _options(ctx)})


def gives_way(ctx: typer.Context, name: str, rival: str) -> bool:
    """Return True if an option comes from a preset, and one that excludes it was given."""
    sources = [ctx.get_parameter_source(each) for each in (name, rival)]
    return [source.name if source else "" for source in sources] == ["DEFAULT_MAP", "COMMANDLINE"]


def _options(ctx: typer.Context) -> Iterator[tuple[str, Any]]:
    """Yield the options that presets hold, by their names without dashes."""
    for parameter in ctx.command.params:
        if parameter.name not in _NOT_IN_PRESETS:
            yield parameter.opts[0].lstrip("-"), parameter


def _formats() -> str:
    """Return the formats that are read and written, as Markdown."""
    from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
    from cinegan_jax.photos.kinds import SUFFIXES_BY_KIND

    others = [kind for kind in SUFFIXES_BY_KIND if kind not in WRITTEN_SUFFIXES]
    return (
        f"Formats of --format: {', '.join(WRITTEN_SUFFIXES)}.\n\n"
        f"Also read: {', '.join(others)} ({' '.join(SUFFIXES_BY_KIND['raw'])}).\n\n"
        "HEIC and RAW need the extras `heif` and `raw`."
    )
