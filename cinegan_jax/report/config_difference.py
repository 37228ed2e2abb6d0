"""A run's config beside the published one."""

import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

DEFAULT = Path(__file__).parents[2] / "configs" / "default.py"
"""There in a checkout; an installed package has none."""


class Difference(NamedTuple):
    """A key of a config whose value is not the default one."""

    key: str
    value: str
    default: str
    """Empty where the default config has no such key."""


def differences(config: Mapping[str, Any], default: Path = DEFAULT) -> list[Difference] | None:
    """The keys in which a config differs from the default one; None where that is not there."""
    if not default.is_file():
        return None
    usual = dict(_flat(runpy.run_path(str(default))["get_config"]().to_dict()))
    return [
        Difference(key, str(value), str(usual.get(key, "")))
        for key, value in _flat(config)
        if key not in usual or usual[key] != value
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
