"""Change keys of a config by text, as on the command line: `data.size=256`."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_collections

from cinegan_jax.config.sources import nearest_or_all
from cinegan_jax.core.errors import UserError

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def override(config: ml_collections.ConfigDict, text: str) -> None:
    """Set one key of a config from `KEY=VALUE`; the value is parsed as the key's type.

    Raises:
      UserError: there is no such key, or the value is not of its type.
    """
    name, equals, value = text.partition("=")
    key = name.strip().lstrip("-").removeprefix("config.")
    if not equals:
        raise UserError(f"{text!r} sets no key: write KEY=VALUE, such as data.size=256")
    known = dict(flat_keys(config.to_dict()))
    if key not in known:
        raise UserError(unknown_key(key, list(known)))
    *sections, last = key.split(".")
    section = config
    for each in sections:
        section = section[each]
    section[last] = parse_value(key, value, known[key])


def parse_value(key: str, text: str, present: Any) -> Any:
    """Return the value that a text stands for, of the type of a key's present value.

    Raises:
      UserError: it is not of that type.
    """
    try:
        if isinstance(present, bool):
            return _TRUTH[text.lower()]
        if isinstance(present, tuple | list):
            return type(present)(
                _literal(part) for part in filter(None, text.strip("()[]").split(","))
            )
        return type(present)(text)
    except (KeyError, ValueError) as error:
        kind = "true or false" if isinstance(present, bool) else type(present).__name__
        raise UserError(f"config.{key}={text} must be {kind}, such as {present!r}") from error


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return text.strip()


def unknown_key(key: str, valid: Sequence[str]) -> str:
    """Return one line that says that a key does not exist, with the valid keys nearest to it."""
    return f"config.{key} is not a key of the config; {nearest_or_all(key, valid)}"


def flat_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of every leaf of a nested mapping."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat_keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
