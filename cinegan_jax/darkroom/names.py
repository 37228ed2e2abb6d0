"""Names of results, made from a template such as `{stem}_{look}`."""

import os
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.outcomes import printable

FIELDS = ("stem", "look", "strength", "folder")
"""Fields of a template: the photo's name without its ending, the look, the strength, and the name
of the photo's folder."""
DEFAULT_TEMPLATE = "{stem}_{look}"


@dataclass(frozen=True)
class NameTemplate:
    """Template of the names of results, without their endings.

    Attributes:
      text: fields in braces and other text; `{{` and `}}` stand for braces.
      strength: strength of the looks.
    """

    text: str = DEFAULT_TEMPLATE
    strength: float = 1.0

    def check(self, looks: Sequence[str]) -> None:
        """Raise UserError if the template cannot name the results of these looks."""
        shown = printable(self.text)
        try:
            fields = self._fields()
        except ValueError as error:
            raise UserError(f"the name {shown!r}: {error}") from error
        if unknown := [field for field in fields if field not in FIELDS]:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise UserError(f"the name {shown!r} has the field {{{unknown[0]}}}; known: {known}")
        if "/" in self.text or os.sep in self.text or "\0" in self.text:
            raise UserError(f"{shown!r} cannot be part of a file name: leave out /")
        if len(looks) > 1 and "look" not in fields:
            raise UserError(
                f"the name {shown!r} is the same for {', '.join(looks)}: add {{look}} to --name"
            )
        if len(set(looks)) < len(looks):
            raise UserError(f"two looks have one name: {', '.join(sorted(looks))}")

    def name(self, photo: Path, look: str) -> str:
        """Return the name of a photo's result."""
        folder = photo.absolute().parent.name
        return self.text.format(stem=photo.stem, look=look, strength=self._strength, folder=folder)

    def pattern(self, look: str) -> re.Pattern[str]:
        """Return a pattern of the names of results; its group `stem` is the photo's, if it has one.

        Names of folders match whatever they are.
        """
        parts = {"stem": "(?P<stem>.+)", "look": re.escape(look), "folder": ".+"}
        parts["strength"] = re.escape(self._strength)
        pattern, seen = "", False
        for literal, field, _, _ in string.Formatter().parse(self.text):
            pattern += re.escape(literal)
            if field == "stem" and seen:
                pattern += "(?P=stem)"
            elif field:
                pattern += parts[field]
            seen = seen or field == "stem"
        return re.compile(pattern)

    @property
    def _strength(self) -> str:
        return f"{self.strength:g}"

    def _fields(self) -> list[str]:
        found = []
        for _, field, spec, conversion in string.Formatter().parse(self.text):
            if spec or conversion:
                raise ValueError(f"{{{field}}} takes neither a format nor a conversion")
            if field is not None:
                found.append(field)
        return found


USUAL_TEMPLATE = NameTemplate()


def _template_of_suffix(suffix: str) -> str:
    """Return the template that adds a text to the names of photos."""
    return "{stem}" + suffix.replace("{", "{{").replace("}", "}}")


def choose_template(name: str | None, suffix: str | None, strength: float) -> NameTemplate:
    """Return the template that the options --name and --suffix describe.

    Raises:
      UserError: both are given.
    """
    if name is not None and suffix is not None:
        raise UserError("--name and --suffix exclude each other: write --name '{stem}SUFFIX'")
    if suffix is not None:
        return NameTemplate(_template_of_suffix(suffix), strength)
    return NameTemplate(DEFAULT_TEMPLATE if name is None else name, strength)
