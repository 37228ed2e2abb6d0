"""Change keys of a config by text, as on the command line: `data.size=256`."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from cinegan_jax.config.check import TYPE_WORDS
from cinegan_jax.config.nearest import unknown_key
from cinegan_jax.config.schema import ROOT
from cinegan_jax.core.errors import UserError

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def override(config: ml_collections.ConfigDict, text: str) -> None:
    """Set one key of a config from `KEY=VALUE`; the value is parsed as the key's type.

    Raises:
      UserError: there is no such key, or the value is not of its type.
    """
    name, equals, value = text.partition("=")
    key = name.strip().lstrip("-").removeprefix(ROOT)
    if not equals:
        raise UserError(f"{text!r} sets no key: write KEY=VALUE, such as data.size=256")
    values = dict(flat_keys(config.to_dict()))
    if key not in values:
        raise UserError(unknown_key(key, list(values)))
    *sections, last = key.split(".")
    section = config
    for each in sections:
        section = section[each]
    section[last] = parse_value(key, value, values[key])


def parse_value(key: str, text: str, present: Any) -> Any:
    """Return the value that a text stands for, of the type of a key's present value.

    Raises:
      UserError: it is not of that type.
    """
    kind = type(present)
    try:
        if kind is bool:
            return _TRUTH[text.strip().lower()]
        if kind in (tuple, list):
            parts = filter(None, (part.strip() for part in text.strip("()[] ").split(",")))
            return kind(map(_literal, parts))
        return kind(text)
    except (KeyError, ValueError) as error:
        words = TYPE_WORDS.get(kind, kind.__name__)
        raise UserError(f"{ROOT}{key}={text} must be {words}, such as {present!r}") from error


def flat_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of every leaf of a nested mapping."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat_keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
