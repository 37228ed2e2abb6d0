"""Write the reference of all config keys.

Usage: python -m cinegan_jax.config.reference > docs/config.md
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_origin

from cinegan_jax.config.run import RunConfig
from cinegan_jax.config.schema import Key, Section, keys_of, sections_of
from cinegan_jax.families.registry import FAMILIES

_HEAD = """\
# Config keys

<!-- Written by `python -m cinegan_jax.config.reference > docs/config.md`. Do not edit. -->

Every key of every config, with its default. Set a key in a config file (`c.data.size = 256`) or
on the command line (`--config.data.size=256`). A value that cannot work is an error before a run
starts. The files in `configs/` change some of the defaults.
"""
_COLUMNS = ("key", "type", "default", "limits", "meaning")


class _Row(NamedTuple):
    """One key in the reference."""

    key: Key
    default: Any


_Rows = Mapping[str, Sequence[_Row]]
"""The rows of each section by the dotted name of the section; empty for the top level."""


def reference() -> str:
    """Return the reference as Markdown."""
    documented: dict[type[Section], dict[str, _Row]] = {}
    common = _rows(RunConfig())
    parts = [_HEAD, "## All runs\n", *_chapter(common, RunConfig(), documented)]
    for name, entry in FAMILIES.items():
        own = _without(_rows(entry.defaults), common)
        parts.append(f"## Family `{name}`\n\nThe keys that it adds, or whose default differs.\n")
        parts.extend(_chapter(own, entry.defaults, documented))
    return "\n".join(parts)


def _rows(values: Section, name: str = "") -> dict[str, list[_Row]]:
    rows = {name: [_Row(key, getattr(values, key.name)) for key in keys_of(type(values))]}
    for inner, section in sections_of(values).items():
        rows |= _rows(section, f"{name}.{inner}".lstrip("."))
    return rows


def _without(rows: _Rows, common: _Rows) -> _Rows:
    """Return the rows that are not among the common ones."""
    return {
        name: [row for row in section if row not in common.get(name, ())]
        for name, section in rows.items()
    }


def _chapter(
    rows: _Rows, values: Section, documented: dict[type[Section], dict[str, _Row]]
) -> Iterator[str]:
    """Yield the sections; for a class of sections documented before, only what differs.

    Args:
      rows: the keys of each section that belong into this chapter.
      values: the sections themselves.
      documented: the rows of each class of sections so far; is added to.
    """
    for name, section in rows.items():
        found = _section_at(values, name)
        known = documented.setdefault(type(found), {})
        new = [row for row in section if known.get(row.key.name) != row]
        if not new:
            continue
        if name:
            text = (type(found).__doc__ or "").partition("\n")[0]
            yield f"### `{name}`\n\n{text}{' The same keys as above, but:' if known else ''}\n"
        yield _table(new)
        known.update({row.key.name: row for row in section if row.key.name not in known})


def _section_at(values: Section, name: str) -> Section:
    for part in filter(None, name.split(".")):
        values = getattr(values, part)
    return values


def _table(rows: Sequence[_Row]) -> str:
    lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    for key, default in rows:
        meaning = key.meaning
        if isinstance(default, Mapping):
            meaning += f" Keys: {', '.join(f'`{name}`' for name in default)}."
            default = {name: value for name, value in default.items() if value}
        lines.append(
            _line([f"`{key.name}`", _type(key), f"`{default!r}`", str(key.limits), meaning])
        )
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _type(key: Key) -> str:
    name = key.leaf_type.__name__
    return {tuple: f"list of {name}", Mapping: f"{name} per key"}.get(get_origin(key.type), name)


if __name__ == "__main__":
    print(reference(), end="")
