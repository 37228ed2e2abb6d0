"""Names in workdirs of versions before 0.2, and their present names.

Records, configs and checkpoints of older runs are read through this table, so that no other code
knows the old names.
"""

import re
from collections.abc import Mapping
from typing import Any

_NAMES: Mapping[str, str] = {
    r"critics?_(overpowers|misled|updates|full|half)": r"discriminator_\1",
    r"(loss|gradient_norm)_critics(_\w+)?": r"\1_discriminator\2",
    r"critics(/.*)?": r"discriminator\1",
    r"pictures(_per_second(?:_per_device)?)?": r"images\1",
}
_ARRAYS: Mapping[str, str] = {"family": "model_state"}


def current_name(name: str) -> str:
    """Return the present name of a player, metric, diagnostic, rule or config key."""
    for pattern, replacement in _NAMES.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


def current_path(path: str) -> str:
    """Return the present path of an array of a train state, such as `params/generator/block1`."""
    part, separator, rest = path.partition("/")
    names = [_ARRAYS.get(part, part), *(current_name(name) for name in rest.split("/"))]
    return "/".join(names) if separator else names[0]


def with_current_names(tree: Any) -> Any:
    """Return a JSON value with `current_name` applied to the keys of all its objects."""
    if isinstance(tree, Mapping):
        return {current_name(name): with_current_names(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [with_current_names(value) for value in tree]
    return tree
