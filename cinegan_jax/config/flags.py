"""Check a command line's `--config=FILE --config.KEY=VALUE` before Absl parses it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cinegan_jax.config.nearest import unknown_key
from cinegan_jax.config.overrides import flat_keys
from cinegan_jax.config.schema import ROOT
from cinegan_jax.config.sources import read_config_file, shipped_folder
from cinegan_jax.core.errors import UserError


def explain(argv: Sequence[str]) -> str:
    """Return what is wrong with the config file and keys that a command line names.

    Returns:
      one line for the file or for each unknown key; empty if all exist or no file is named.
    """
    given = list(_flags(argv[1:]))
    files = [value for name, value in given if name == "config"]
    if not files:
        return ""
    if not Path(files[-1]).is_file():
        return f"no config file {files[-1]!r}; those of the package are in {shipped_folder()}"
    try:
        config = read_config_file(Path(files[-1]))
    except UserError as error:
        return str(error)
    valid = [key for key, _ in flat_keys(config.to_dict())]
    keys = [name.removeprefix(ROOT) for name, _ in given if name.startswith(ROOT)]
    return "\n".join(unknown_key(key, valid) for key in keys if key not in valid)


def _flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of each flag: `--name=value`, `--name value`, `--noname`, with - or --."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument.startswith("-"):
            name, equals, value = argument.lstrip("-").partition("=")
            name = name.removeprefix("no") if name.startswith("noconfig.") else name
            yield name, value if equals else following
