"""Presets: options of `cinegan apply` in a JSON file, or as a developed photo records them."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.storage import write_whole

_MOST_BYTES = 100_000
_LOOKS = ("look", "weights")
"""Options whose values may be files."""


def read_preset(path: Path, known: Mapping[str, str], lists: Set[str]) -> dict[str, Any]:
    """Return the options of a preset by the names of their parameters.

    Args:
      path: a JSON file that `write_preset` wrote, or a photo that `cinegan apply` developed.
      known: name of the parameter of each option that a preset may hold.
      lists: names of the parameters that take several values.

    Raises:
      UserError: the file is neither, or has an unknown option.
    """
    if not path.is_file():
        raise UserError(f"--preset {path}: no such file")
    with path.open("rb") as file:
        head = file.read(_MOST_BYTES + 1)
    if not head.lstrip().startswith(b"{"):
        return _as_lists(_recorded(path, set(known.values())), lists)
    try:
        options = parse_json(head)
    except ValueError as error:
        raise UserError(f"--preset {path} is no preset: {error}") from error
    for name, value in options.items():
        if name not in known:
            raise UserError(f"--preset {path}: unknown option {name!r}; known: {', '.join(known)}")
        _check_value(path, name, value, known[name] in lists)
    found = {name: _from_folder(path.parent, name, value) for name, value in options.items()}
    return _as_lists({known[name]: value for name, value in found.items()}, lists)


def write_preset(path: Path, options: Mapping[str, Any]) -> None:
    """Write options as a preset; those without a value are left out.

    Look files are named relative to the preset, so that both can move together.

    Raises:
      OSError: the file cannot be written.
    """
    given = {
        name: _to_folder(path.parent, name, value)
        for name, value in options.items()
        if value is not None
    }
    write_whole(path, json.dumps(given, indent=2, ensure_ascii=False) + "\n")


def _to_folder(folder: Path, name: str, value: Any) -> Any:
    """Return the value of an option with the paths of look files relative to a folder."""

    def relative(look: str) -> str:
        path = Path(look).expanduser()
        return os.path.relpath(path, folder) if path.exists() else look

    return _each(relative, value) if name in _LOOKS else value


def _from_folder(folder: Path, name: str, value: Any) -> Any:
    """Return the value of an option with look files as paths from the working directory."""

    def found(look: str) -> str:
        path = folder / look
        return str(path) if path.exists() else look

    return _each(found, value) if name in _LOOKS else value


def _each(change: Callable[[str], str], value: Any) -> Any:
    looks = value if isinstance(value, list | tuple) else [value]
    changed = [change(look) if isinstance(look, str) else look for look in looks]
    return changed if isinstance(value, list | tuple) else changed[0]


def _recorded(path: Path, known: Set[str]) -> dict[str, Any]:
    """Return the settings in the history of a developed photo."""
    from cinegan_jax.photos.photo_process import PhotoProcess  # slow to import

    with contextlib.closing(PhotoProcess()) as process:
        record = process.development(path)
    if record is None:
        raise UserError(
            f"--preset {path}: neither a preset in JSON nor a photo that cinegan developed"
        )
    found = {name: value for name, value in record.items() if name in known}
    return {name: value for name, value in found.items() if value is not None}


def _as_lists(options: dict[str, Any], lists: Set[str]) -> dict[str, Any]:
    return {
        name: [value] if name in lists and not isinstance(value, list) else value
        for name, value in options.items()
    }


def _check_value(path: Path, name: str, value: object, may_be_list: bool) -> None:
    parts = value if isinstance(value, list) and may_be_list else [value]
    if not all(isinstance(part, str | int | float) for part in parts):
        raise UserError(f"--preset {path}: {name} is {json.dumps(value)[:40]}, which is no value")
