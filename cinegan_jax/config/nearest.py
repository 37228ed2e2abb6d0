"""Wrong names in messages, with the valid names nearest to them."""

import difflib
from collections.abc import Iterable, Sequence


def nearest_or_all(name: str, valid: Sequence[str]) -> str:
    """Return words that list the valid names nearest to a wrong one, or all if none is near."""
    return _listed(difflib.get_close_matches(name, valid), valid)


def unknown_key(key: str, valid: Sequence[str]) -> str:
    """Return a line that says that a key does not exist, with the valid keys nearest to it.

    Keys are dotted, without `config.`. One is near if the whole of it or its last part is.
    """
    last_parts = difflib.get_close_matches(_last_part(key), map(_last_part, valid))
    near = difflib.get_close_matches(key, valid)
    near += [name for name in valid if _last_part(name) in last_parts]
    return f"config.{key} is not a key of the config; {_listed(dict.fromkeys(near), valid)}"


def _listed(near: Iterable[str], valid: Sequence[str]) -> str:
    names = list(near)
    return f"the {'nearest' if names else 'valid ones'} are: {', '.join(names or valid)}"


def _last_part(key: str) -> str:
    return key.rsplit(".", 1)[-1]
