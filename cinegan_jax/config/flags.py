"""The command line's `--config=SOURCE --config.KEY=VALUE`, before Absl parses it.

Absl reads configs from Python files alone, and passes what follows a colon to their `get_config`:
so `--config=film` becomes `--config=FILE:film` with the file of this module.
"""

from collections.abc import Iterator, Sequence

import ml_collections

from cinegan_jax.config.load import load_config
from cinegan_jax.config.nearest import unknown_key
from cinegan_jax.config.overrides import flat_keys
from cinegan_jax.config.schema import ROOT
from cinegan_jax.core.errors import UserError


def get_config(source: str) -> ml_collections.ConfigDict:
    """Return the config of a shipped name, a Python file or a config.json, for Absl."""
    return load_config(source)


def with_config_file(argv: Sequence[str]) -> list[str]:
    """Return a command line whose `--config` Absl can read, once its config and keys are known.

    Raises:
      UserError: there is no such config or key; one line for each key.
    """
    given = list(_flags(argv[1:]))
    sources = [value for name, value in given if name == "config" and value]
    if not sources:
        return list(argv)
    valid = [key for key, _ in flat_keys(load_config(sources[-1]).to_dict())]
    keys = [name.removeprefix(ROOT) for name, _ in given if name.startswith(ROOT)]
    wrong = [unknown_key(key, valid) for key in keys if key not in valid]
    if wrong:
        raise UserError("\n".join(wrong))
    return [argv[0], *_read_by_absl(argv[1:])]


def _read_by_absl(arguments: Sequence[str]) -> Iterator[str]:
    previous = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config") and equals:
            yield f"{name}={__file__}:{value}"
        elif previous in ("--config", "-config"):
            yield f"{__file__}:{argument}"
        else:
            yield argument
        previous = argument


def _flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each flag: `--name=value`, `--name value`, `--noname`, - or --."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument.startswith("-"):
            name, equals, value = argument.lstrip("-").partition("=")
            name = name.removeprefix("no") if name.startswith("noconfig.") else name
            yield name, value if equals else following
