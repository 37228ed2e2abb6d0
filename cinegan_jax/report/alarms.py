"""Alarms of health as a page tells of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

DONE = {
    "none": "warned",
    "lower_rate": "learning rate lowered",
    "rollback": "went back to a healthy checkpoint",
    "stop": "run stopped",
}
"""What an alarm did, by its action."""


class Evidence(NamedTuple):
    """A signal beyond its limit."""

    signal: str
    value: Any
    """A number, where the line is in order, as the limit is."""
    limit: Any
    """None where the line has none."""


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One alarm, in words."""

    step: int
    rule: str
    kind: Literal["warn", "act"]
    message: str
    evidence: tuple[Evidence, ...]
    action: str

    @property
    def done(self) -> str:
        """What it did."""
        return DONE.get(self.action, self.action)


def read_alarm(record: Mapping[str, Any]) -> Alarm:
    """An alarm from its line of `health.jsonl`; what it lacks stays empty."""
    values, limits = (_mapping(record, name) for name in ("evidence", "limits"))
    return Alarm(
        step=record["step"],
        rule=str(record.get("rule", "unnamed")),
        kind="act" if record.get("severity") == "act" else "warn",
        message=str(record.get("message", "")),
        evidence=tuple(Evidence(name, value, limits.get(name)) for name, value in values.items()),
        action=str(record.get("action", "none")),
    )


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}
