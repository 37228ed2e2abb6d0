"""Alarms of health as a page tells of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

DONE = {
    "none": "warned",
    "lower_rate": "learning rate lowered",
    "rollback": "went back to a healthy checkpoint",
    "stop": "run stopped",
}
"""What an alarm did, by its action."""


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One alarm, in words."""

    step: int
    rule: str
    kind: Literal["warn", "act"]
    message: str
    evidence: Mapping[str, Any]
    """Values by signal."""
    action: str

    @property
    def done(self) -> str:
        """What it did."""
        return DONE.get(self.action, self.action)


def read_alarm(record: Mapping[str, Any]) -> Alarm:
    """An alarm from its line of `health.jsonl`; what it lacks stays empty."""
    evidence = record.get("evidence")
    return Alarm(
        step=record["step"],
        rule=str(record.get("rule", "unnamed")),
        kind="act" if record.get("severity") == "act" else "warn",
        message=str(record.get("message", "")),
        evidence=evidence if isinstance(evidence, dict) else {},
        action=str(record.get("action", "none")),
    )
