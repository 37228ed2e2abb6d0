"""Extension of the documentation's docstring parser: `a, b: text` describes both parameters."""

import re
from typing import Any

from griffe import Extension, Object

SHARED = re.compile(
    r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+):(?P<text>.*(?:\n(?P=indent) +.*)*)", re.MULTILINE
)
"""An entry of a section whose names share a description, with its further lines."""


class SharedDescriptions(Extension):
    """Gives each name of such an entry one of its own, as Google's style has it."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object once it is read."""
        if obj.docstring:
            obj.docstring.value = SHARED.sub(separate, obj.docstring.value)


def separate(entry: re.Match[str]) -> str:
    """Return one entry per name, all with the same text."""
    names = entry["names"].split(", ")
    return "\n".join(f"{entry['indent']}{name}:{entry['text']}" for name in names)
