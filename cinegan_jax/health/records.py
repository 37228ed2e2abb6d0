"""The lines of `health.jsonl`, one JSON object each."""

import datetime
from typing import Any

from cinegan_jax.health.alarm import Alarm
from cinegan_jax.health.signals import Signals


def check_record(step: int, signals: Signals) -> dict[str, Any]:
    """A check: every signal, null where it could not be measured."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"step": step, "kind": "check", "signals": dict(sorted(signals.items())), "wall": now}


def alarm_record(alarm: Alarm) -> dict[str, Any]:
    """An alarm, with its evidence and the limits that it crossed."""
    acts = alarm.rule.action != "warn"
    return {
        "step": alarm.step,
        "kind": "alarm",
        "rule": alarm.name,
        "severity": "act" if acts else "warn",
        "message": alarm.message,
        "evidence": {crossing.signal: crossing.value for crossing in alarm.evidence},
        "limits": {crossing.signal: crossing.limit for crossing in alarm.evidence},
        "action": alarm.rule.action if acts else "none",
    }
