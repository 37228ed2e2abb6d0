"""Overrides on the command line that name no key of the config."""

import difflib
import runpy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PREFIX = "--config."


def unknown_keys(argv: Sequence[str]) -> str:
    """One line for each `--config.KEY=VALUE` whose key is not in the file of `--config=FILE`.

    Empty when every key is there or no config file is named.
    """
    files = [a.removeprefix("--config=") for a in argv if a.startswith("--config=")]
    if not files:
        return ""
    valid = list(_dotted(runpy.run_path(files[-1])["get_config"]().to_dict()))
    given = [a.removeprefix(PREFIX).split("=")[0] for a in argv if a.startswith(PREFIX)]
    return "\n".join(_line(key, valid) for key in given if key not in valid)


def _line(key: str, valid: Sequence[str]) -> str:
    last = {name: name.rsplit(".", 1)[-1] for name in valid}
    near = difflib.get_close_matches(key, valid, n=3)
    near += [n for n in valid if key.rsplit(".", 1)[-1] == last[n] and n not in near]
    nearest = ", ".join(near) if near else f"none is near; all are: {', '.join(valid)}"
    return f"config.{key} is not a key of the config; the nearest are: {nearest}"


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
