"""JSON of files that others may have written or damaged, read within bounds."""

import json
from collections.abc import Iterator
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath

_MAX_BYTES = 128 << 20
_MAX_DEPTH = 50
"""Maximum nesting; code that walks a value recursively needs a bound."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text.

    Raises:
      ValueError: the text is no JSON, or is nested too deeply.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        value = None
        deep = True
    else:
        deep = _is_deep(value)
    if deep:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    return value


def read_json_object(path: AnyPath, advice: str = "restore it from a copy") -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Args:
      path: local or in a bucket.
      advice: what to do about a file that cannot be used, for the message.

    Raises:
      UserError: the file cannot be read, is too large, or holds no JSON object.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(text) > _MAX_BYTES:
        raise UserError(f"{path} has more than {_MAX_BYTES:,} bytes, the limit: {advice}")
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UserError(f"{path} is no JSON file ({error}): {advice}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object: {advice}")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for each in level for inner in _members(each) if _is_container(inner)]
        if not level:
            return False
    return True


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list)
