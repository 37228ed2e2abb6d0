"""Command lines whose config file or config keys do not exist."""

import difflib
import runpy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def explain(argv: Sequence[str]) -> str:
    """Says which file of `--config=FILE` or which key of `--config.KEY=VALUE` is not there.

    Returns:
      one line for the file or for each key; empty when all are there or no file is named.
    """
    given = list(_flags(argv[1:]))
    files = [value for name, value in given if name == "config"]
    if not files:
        return ""
    if not Path(files[-1]).is_file():
        return f"no config file {files[-1]!r}; those of the project are in the folder configs"
    valid = list(_dotted(runpy.run_path(files[-1])["get_config"]().to_dict()))
    keys = [name.removeprefix("config.") for name, _ in given if name.startswith("config.")]
    return "\n".join(_line(key, valid) for key in keys if key not in valid)


def _flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of each flag: `--name=value`, `--name value`, `--noname`, with - or --."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument.startswith("-"):
            name, equals, value = argument.lstrip("-").partition("=")
            name = name.removeprefix("no") if name.startswith("noconfig.") else name
            yield name, value if equals else following


def _line(key: str, valid: Sequence[str]) -> str:
    last_parts = difflib.get_close_matches(_last_part(key), map(_last_part, valid))
    near = difflib.get_close_matches(key, valid)
    near += [name for name in valid if _last_part(name) in last_parts]
    word, names = ("nearest", dict.fromkeys(near)) if near else ("valid ones", valid)
    return f"config.{key} is not a key of the config; the {word} are: {', '.join(names)}"


def _last_part(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
