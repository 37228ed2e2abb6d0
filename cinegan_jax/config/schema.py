"""The schema of configs: frozen dataclasses whose fields are the keys.

A `Section` is one level of a config. A field made by `key` is a value with its default, meaning and
limits; one made by `section` holds another section. Code takes the dataclasses themselves as its
settings, so that each default stands once. Rules between keys are in `Section.broken_rules` of the
section that they concern.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

ROOT = "config."
"""The prefix of keys in messages, as on the command line."""

_METADATA = "key"


@dataclasses.dataclass(frozen=True)
class KeyLimits:
    """The values that a key may have."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    multiple_of: int | None = None
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        bounds = (
            ("{} or more", self.at_least),
            ("more than {}", self.above),
            ("{} or less", self.at_most),
            ("less than {}", self.below),
            ("a multiple of {}", self.multiple_of),
        )
        return ", ".join(words.format(bound) for words, bound in bounds if bound is not None)

    def admits(self, value: Any) -> bool:
        """Return whether a value of the key's type keeps the limits."""
        return not (
            (self.choices and value not in self.choices)
            or (self.at_least is not None and value < self.at_least)
            or (self.above is not None and value <= self.above)
            or (self.at_most is not None and value > self.at_most)
            or (self.below is not None and value >= self.below)
            or (self.multiple_of is not None and value % self.multiple_of)
        )


class Key(NamedTuple):
    """One key of a section."""

    name: str
    type: Any
    """`bool`, `int`, `float`, `str`, a `Literal` of texts, `tuple[T, ...]` or `Mapping[str, T]`."""
    meaning: str
    limits: KeyLimits

    @property
    def leaf_type(self) -> type:
        """The type of a value or of an entry: `bool`, `int`, `float` or `str`."""
        inner = get_args(self.type)[-1] if get_origin(self.type) is Mapping else self.type
        inner = get_args(inner)[0] if get_origin(inner) is tuple else inner
        return str if get_origin(inner) is Literal else inner


class _Description(NamedTuple):
    """Metadata of a field: its meaning and the limits of its value."""

    meaning: str
    limits: KeyLimits


@dataclasses.dataclass(frozen=True)
class Section:
    """One level of a config. Subclasses are frozen dataclasses, too."""

    def broken_rules(self, at: str) -> Iterator[str]:
        """Yield a message for each rule between keys that these values break.

        Called only if each value by itself is valid.

        Args:
          at: the prefix of this section's keys in messages, such as `config.adversarial.`.
        """
        yield from ()


AnySection = TypeVar("AnySection", bound=Section)


def key(
    default: Any,
    meaning: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    multiple_of: int | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """Return a dataclass field: a key with its default, meaning and limits.

    Args:
      default: the value; `dataclasses.MISSING` if each use of the section must give one.
      meaning: one sentence for the reference, with the unit.
      at_least, above, at_most, below, multiple_of: limits of a number, or of each entry.
      choices: the valid values. Those of a `Literal` need not be repeated.
    """
    limits = KeyLimits(at_least, above, at_most, below, multiple_of, choices)
    metadata = {_METADATA: _Description(meaning, limits)}
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(default: AnySection) -> AnySection:
    """Return a dataclass field that holds a section; its meaning is the docstring of its class."""
    return default


def with_default(
    schema: type[Section], name: str, default: Any, choices: tuple[Any, ...] = ()
) -> Any:
    """Return the field of a section with another default, for a subclass of the section.

    Args:
      schema: the section that has the field.
      name: of the field.
      default: takes the place of the section's.
      choices: take the place of the section's where given.
    """
    (found,) = (field for field in dataclasses.fields(schema) if field.name == name)
    meaning, limits = found.metadata[_METADATA]
    limits = dataclasses.replace(limits, choices=choices) if choices else limits
    return dataclasses.field(default=default, metadata={_METADATA: _Description(meaning, limits)})


def keys_of(schema: type[Section]) -> tuple[Key, ...]:
    """Return the keys of a section in their order, those of sections within it left out."""
    hashable: Any = schema  # mypy takes the hash of instances for that of the class
    return _keys_of(hashable)


@functools.cache
def _keys_of(schema: Any) -> tuple[Key, ...]:
    types = get_type_hints(schema)
    keys = []
    for field in dataclasses.fields(schema):
        if _METADATA in field.metadata:
            meaning, limits = field.metadata[_METADATA]
            choices = limits.choices or _choices(types[field.name])
            limits = dataclasses.replace(limits, choices=choices)
            keys.append(Key(field.name, types[field.name], meaning, limits))
    return tuple(keys)


def sections_of(values: Section) -> dict[str, Section]:
    """Return the sections within a section by name, in their order."""
    names = [field.name for field in dataclasses.fields(values)]
    found = {name: getattr(values, name) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, Section)}


def _choices(hint: Any) -> tuple[Any, ...]:
    inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
    return get_args(inner) if get_origin(inner) is Literal else ()
