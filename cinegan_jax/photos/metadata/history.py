"""Record of a development in the history of XMP (`xmpMM:History`), written and read back."""

import json
import re
from collections.abc import Mapping
from typing import Any

import exiv2

from cinegan_jax.photos.metadata.blocks import Metadata
from cinegan_jax.photos.metadata.exiv import EXIV2, edited, keys, xmp_of

Development = Mapping[str, str | float | int | bool | None]
"""Names and values of a development, such as `{"look": "velvia", "strength": 0.7}`."""

_PROGRAM = "cinegan_jax"
_HISTORY = "Xmp.xmpMM.History"
_ITEM = re.compile(re.escape(_HISTORY) + r"\[(\d+)\]$")
_ACTION = "filtered"
"""Word for a look among the actions that the XMP specification lists (part 2, 1.2.4.3)."""
_TOOL = "Xmp.xmp.CreatorTool"


def recorded(metadata: Metadata, version: str, development: Development) -> Metadata:
    """Add an event to the history of a photo's XMP; earlier events stay.

    The event has no time of day: the same photo and settings always give the same file.

    Args:
      metadata: metadata of the photo.
      version: version of this program.
      development: settings, as JSON in the event's parameters.
    """
    agent = f"{_PROGRAM} {version}"
    parameters = json.dumps(dict(development), ensure_ascii=False)

    def add(exif: Any, xmp: Any) -> None:
        if _HISTORY not in xmp:
            xmp[_HISTORY] = exiv2.XmpArrayValue(exiv2.TypeId.xmpSeq)
        event = f"{_HISTORY}[{_events(xmp) + 1}]/stEvt:"
        values = {
            "action": _ACTION,
            "softwareAgent": agent,
            "parameters": parameters,
            "changed": "/",
        }
        for name, value in values.items():
            xmp[event + name] = exiv2.XmpTextValue(value)
        if _TOOL not in xmp:
            xmp[_TOOL] = exiv2.XmpTextValue(agent)

    return edited(metadata, add)


def last_development(metadata: Metadata) -> dict[str, Any] | None:
    """Return the settings of the last development by this program, or None if there is none."""
    if not metadata.xmp:
        return None
    with EXIV2:
        xmp = xmp_of(metadata.xmp)
        for number in range(_events(xmp), 0, -1):
            event = f"{_HISTORY}[{number}]/stEvt:"
            agent, parameters = f"{event}softwareAgent", f"{event}parameters"
            if agent not in xmp or parameters not in xmp:
                continue
            if xmp[agent].toString().split(" ")[0] == _PROGRAM:
                return _settings(xmp[parameters].toString())
    return None


def _events(xmp: Any) -> int:
    return max((int(item[1]) for key in keys(xmp) if (item := _ITEM.match(key))), default=0)


def _settings(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
