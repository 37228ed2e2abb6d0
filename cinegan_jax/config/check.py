"""Conversion between ConfigDicts and the dataclasses of the schema, with checks of every value."""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_origin

from cinegan_jax.config.nearest import unknown_key
from cinegan_jax.config.schema import ROOT, AnySection, Key, Section, keys_of, sections_of
from cinegan_jax.core.errors import UserError

if TYPE_CHECKING:
    from ml_collections import ConfigDict

TYPE_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
}


def read_section(defaults: AnySection, config: "Mapping[str, Any] | ConfigDict") -> AnySection:
    """Return the settings that a config holds, with the type of `defaults`.

    Args:
      defaults: a section; says which keys the config must have.
      config: a ConfigDict or a nested mapping.

    Raises:
      UserError: a key is missing or unknown, or a value cannot work; all of them are named.
    """
    reader = _Reader([])
    plain = config if isinstance(config, Mapping) else config.to_dict()
    found = reader.section(defaults, plain, ROOT)
    if found is None or reader.problems:
        raise UserError("\n".join(reader.problems))
    return found


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads values and collects what is wrong with them."""

    problems: list[str]

    def section(
        self, defaults: AnySection, config: Mapping[str, Any], at: str
    ) -> AnySection | None:
        """Return the settings, or None if a value by itself is wrong."""
        keys, inner = keys_of(type(defaults)), sections_of(defaults)
        before = len(self.problems)
        self._same_names(config, [*(each.name for each in keys), *inner], at)
        values: dict[str, Any] = {}
        for each in (each for each in keys if each.name in config):
            values[each.name] = self._value(each, config[each.name], at, defaults)
        for name in (name for name in inner if name in config):
            if isinstance(config[name], Mapping):
                values[name] = self.section(inner[name], config[name], f"{at}{name}.")
            else:
                self._wrong(f"{at}{name}", config[name], "must be a section of keys")
        if len(self.problems) > before:
            return None
        found = dataclasses.replace(defaults, **values)
        self.problems.extend(found.broken_rules(at))
        return found

    def _same_names(self, config: Mapping[str, Any], valid: list[str], at: str) -> None:
        section = at.removeprefix(ROOT)
        for name in sorted(set(config) - set(valid)):
            near = [f"{section}{each}" for each in valid]
            self.problems.append(unknown_key(f"{section}{name}", near))
        for name in sorted(set(valid) - set(config)):
            self.problems.append(f"{at}{name} is missing")

    def _value(self, described: Key, value: Any, at: str, defaults: AnySection) -> Any:
        name, kind = f"{at}{described.name}", get_origin(described.type)
        if kind is Mapping:
            if not isinstance(value, Mapping):
                return self._wrong(name, value, "must be a section of keys")
            self._same_names(value, list(getattr(defaults, described.name)), f"{name}.")
            return {
                entry: self._leaf(described, value[entry], f"{name}.{entry}") for entry in value
            }
        if kind is tuple:
            if not isinstance(value, tuple | list):
                return self._wrong(name, value, "must be a list")
            return tuple(self._leaf(described, entry, name) for entry in value)
        return self._leaf(described, value, name)

    def _leaf(self, described: Key, value: Any, name: str) -> Any:
        kind, limits = described.leaf_type, described.limits
        if not _is_of(kind, value):
            return self._wrong(name, value, f"must be {TYPE_WORDS[kind]}")
        if not limits.admits(value):
            self._wrong(name, value, f"{'is not' if limits.choices else 'must be'} {limits}")
        return kind(value)

    def _wrong(self, name: str, value: Any, wrong: str) -> None:
        self.problems.append(f"{name}={value!r} {wrong}")


def _is_of(kind: type, value: Any) -> bool:
    if kind is float:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return number and math.isfinite(value)
    if kind is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return isinstance(value, kind)


def to_config_dict(values: Section) -> "ConfigDict":
    """Return a section, and those within it, as a ConfigDict."""
    # imported here, as applying a look needs no ConfigDict
    from ml_collections import ConfigDict

    config = ConfigDict()
    for each in keys_of(type(values)):
        value = getattr(values, each.name)
        config[each.name] = ConfigDict(dict(value)) if isinstance(value, Mapping) else value
    for name, inner in sections_of(values).items():
        config[name] = to_config_dict(inner)
    return config
