"""Alarms of a run: what was measured, what it means, what helps, and the records of it."""

import datetime
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.health.diagnostics import HAS_START, Diagnostics, Measured, derive
from cinegan_jax.health.rules import Crossing, Rule, remembered

UNHEALTHY_EXIT_CODE = 3
"""Exit code of a run that an alarm has stopped: starting it again would not help."""


@dataclass(frozen=True)
class Alarm:
    """Raised by a rule at a step.

    Attributes:
      evidence: the diagnostics beyond their limits, at that step.
    """

    step: int
    name: str
    rule: Rule
    evidence: tuple[Crossing, ...]

    @property
    def message(self) -> str:
        """Evidence, meaning and remedy in plain words."""
        rule = self.rule
        seen = ", ".join(f"{c.diagnostic} {c.value:.4g} (limit {c.limit:g})" for c in self.evidence)
        checks = f"in {rule.patience} checks in a row" if rule.patience > 1 else "at this check"
        return f"{rule.meaning}: {seen}, {checks}. What usually helps: {rule.remedy}."


class RollBack(Exception):
    """Ends the steps under way: the run is to go on from its last healthy checkpoint."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(alarm.name)
        self.alarm = alarm


class UnhealthyRun(UserError):
    """An alarm ends the run."""

    exit_code: ClassVar[int] = UNHEALTHY_EXIT_CODE


START_CHECKS = 3
"""Checks whose mean is what a diagnostic was at the start."""

MEMORY = 12
"""Checks that rules can look back at."""


@dataclass(frozen=True)
class Standing:
    """What a monitor knows of one rule.

    Attributes:
      seen: checks in a row, up to the last one, that showed it.
      calm: checks in a row that did not.
      active: whether its alarm was raised and is not over.
    """

    seen: int = 0
    calm: int = 0
    active: bool = False

    def after(self, shown: bool, patience: int) -> "Standing":
        """What is known after another check."""
        seen, calm = (self.seen + 1, 0) if shown else (0, self.calm + 1)
        return Standing(seen, calm, active=(self.active and calm < patience) or seen >= patience)


class Findings(NamedTuple):
    """Of one check."""

    diagnostics: Diagnostics
    alarms: list[Alarm]


class Monitor:
    """Pure but for its memory: the same checks give the same alarms.

    Args:
      rules: by name.
      grace_steps: steps at the start of a run before which most rules see nothing.
    """

    def __init__(self, rules: Mapping[str, Rule], grace_steps: int) -> None:
        self._rules = rules
        self._grace_steps = grace_steps
        self._standings = dict.fromkeys(rules, Standing())
        self._starts: dict[str, list[float]] = {}
        self._past: deque[Mapping[str, float]] = deque(maxlen=MEMORY)

    def check(self, step: int, measured: Measured) -> Findings:
        """The diagnostics of a check, and the alarms that they raise.

        An alarm is raised once, and again only after it is over. That of a rule which lowers a
        learning rate is raised again each `patience` checks, for as long as it helps nothing.
        """
        starts = {n: sum(v) / len(v) for n, v in self._starts.items() if len(v) == START_CHECKS}
        diagnostics = derive(measured, starts)
        alarms = []
        for name, rule in self._rules.items():
            graced = step <= self._grace_steps and not rule.from_start
            crossings = [] if graced else rule.crossings(diagnostics, tuple(self._past))
            before = self._standings[name]
            now = self._standings[name] = before.after(bool(crossings), rule.patience)
            again = rule.action == "lower_rate" and now.seen and now.seen % rule.patience == 0
            if now.active and (again or not before.active):
                alarms.append(Alarm(step, name, rule, tuple(crossings)))
        self._remember(diagnostics)
        return Findings(diagnostics, alarms)

    @property
    def lowers_rates(self) -> bool:
        """Whether an alarm may ask for a lower learning rate."""
        return any(rule.action == "lower_rate" for rule in self._rules.values())

    @property
    def active(self) -> tuple[str, ...]:
        """The rules whose alarms are not over."""
        return tuple(name for name, standing in self._standings.items() if standing.active)

    @property
    def healthy(self) -> bool:
        """Whether the last check showed nothing at all, alarm or not."""
        return not any(standing.active or standing.seen for standing in self._standings.values())

    def memory(self) -> dict[str, Any]:
        """All that it remembers, as JSON can hold it."""
        return {
            "standings": {name: asdict(standing) for name, standing in self._standings.items()},
            "starts": self._starts,
            "past": list(self._past),
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Goes on from what `memory` gave; rules that it does not know begin anew."""
        kept = {name: Standing(**fields) for name, fields in memory["standings"].items()}
        self._standings = {name: kept.get(name, Standing()) for name in self._rules}
        self._starts = {name: list(values) for name, values in memory["starts"].items()}
        self._past = deque(memory["past"], maxlen=MEMORY)

    def _remember(self, diagnostics: Diagnostics) -> None:
        for name, value in diagnostics.items():
            if value is not None and HAS_START.fullmatch(name):
                levels = self._starts.setdefault(name, [])
                if len(levels) < START_CHECKS:
                    levels.append(value)
        self._past.append(remembered(diagnostics))


def check_record(step: int, diagnostics: Diagnostics) -> dict[str, Any]:
    """A check: every diagnostic, null where it could not be measured."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "step": step,
        "kind": "check",
        "diagnostics": dict(sorted(diagnostics.items())),
        "wall": now,
    }


def alarm_record(alarm: Alarm) -> dict[str, Any]:
    """An alarm, with its evidence and the limits that it crossed."""
    acts = alarm.rule.action != "warn"
    return {
        "step": alarm.step,
        "kind": "alarm",
        "rule": alarm.name,
        "severity": "act" if acts else "warn",
        "message": alarm.message,
        "evidence": {crossing.diagnostic: crossing.value for crossing in alarm.evidence},
        "limits": {crossing.diagnostic: crossing.limit for crossing in alarm.evidence},
        "action": alarm.rule.action if acts else "none",
    }
