"""The health monitor: raises alarms from the checks of a run."""

import datetime
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.health.diagnostics import HAS_START, CheckDiagnostics, Measurements, derive
from cinegan_jax.health.rules import Crossing, Rule, remembered

UNHEALTHY_EXIT_CODE = 3
"""Exit code of a run that an alarm stopped: starting it again would not help."""

_START_CHECKS = 3
"""Number of first checks whose mean is a diagnostic's value at the start."""
_MEMORY = 12
"""Number of earlier checks that rules can read."""


@dataclass(frozen=True)
class Alarm:
    """Alarm of a rule at a step.

    Attributes:
      step: of the check.
      name: of the rule.
      rule: that raised the alarm.
      evidence: diagnostics that have reached their limits at that check.
    """

    step: int
    name: str
    rule: Rule
    evidence: tuple[Crossing, ...]

    @property
    def message(self) -> str:
        """The meaning, the measured values with their limits, and the remedy."""
        rule = self.rule
        values = ", ".join(
            f"{c.diagnostic} {c.value:.4g} (limit {c.limit:g})" for c in self.evidence
        )
        checks = f"{rule.patience} checks in a row" if rule.patience > 1 else "this check"
        return f"{rule.meaning}. Measured in {checks}: {values}. {rule.remedy}."


class RollBack(Exception):
    """Raised to continue the run from its last healthy checkpoint."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(alarm.name)
        self.alarm = alarm


class UnhealthyRun(UserError):
    """Raised by an alarm that ends the run."""

    exit_code: ClassVar[int] = UNHEALTHY_EXIT_CODE


@dataclass(frozen=True)
class Standing:
    """State of one rule.

    Attributes:
      seen: number of latest checks in a row that showed the failure.
      calm: number of latest checks in a row that did not.
      active: whether its alarm was raised and is not over.
    """

    seen: int = 0
    calm: int = 0
    active: bool = False

    def after(self, shown: bool, patience: int) -> "Standing":
        """Return the state after another check."""
        seen, calm = (self.seen + 1, 0) if shown else (0, self.calm + 1)
        return Standing(seen, calm, active=(self.active and calm < patience) or seen >= patience)


class Findings(NamedTuple):
    """Diagnostics of one check and the alarms that they raised."""

    diagnostics: CheckDiagnostics
    alarms: list[Alarm]


class Monitor:
    """Applies rules to the checks of a run. The same checks give the same alarms.

    Args:
      rules: by name.
      grace_steps: number of steps at the start of a run during which most rules do not apply.
    """

    def __init__(self, rules: Mapping[str, Rule], grace_steps: int) -> None:
        self._rules = rules
        self._grace_steps = grace_steps
        self._standings = dict.fromkeys(rules, Standing())
        self._starts: dict[str, list[float]] = {}
        self._past: deque[Mapping[str, float]] = deque(maxlen=_MEMORY)

    def check(self, step: int, measured: Measurements) -> Findings:
        """Return the diagnostics of a check and the alarms that they raise.

        An alarm is raised once, and again only after it is over. The alarm of a rule that lowers a
        learning rate is also raised every `patience` checks while the failure lasts.
        """
        starts = {n: sum(v) / len(v) for n, v in self._starts.items() if len(v) == _START_CHECKS}
        diagnostics = derive(measured, starts)
        alarms = []
        for name, rule in self._rules.items():
            in_grace = step <= self._grace_steps and not rule.from_start
            crossings = [] if in_grace else rule.crossings(diagnostics, tuple(self._past))
            before = self._standings[name]
            now = self._standings[name] = before.after(bool(crossings), rule.patience)
            repeats = rule.action == "lower_rate" and now.seen and now.seen % rule.patience == 0
            if now.active and (repeats or not before.active):
                alarms.append(Alarm(step, name, rule, tuple(crossings)))
        self._remember(diagnostics)
        return Findings(diagnostics, alarms)

    @property
    def lowers_rates(self) -> bool:
        """True if a rule can lower a learning rate."""
        return any(rule.action == "lower_rate" for rule in self._rules.values())

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the rules whose alarms are not over."""
        return tuple(name for name, standing in self._standings.items() if standing.active)

    @property
    def healthy(self) -> bool:
        """True if the last check showed no failure and no alarm is active."""
        return not any(standing.active or standing.seen for standing in self._standings.values())

    def memory(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "standings": {name: asdict(standing) for name, standing in self._standings.items()},
            "starts": self._starts,
            "past": list(self._past),
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Restore the state from `memory`; rules that it lacks start fresh."""
        kept = {name: Standing(**fields) for name, fields in memory["standings"].items()}
        self._standings = {name: kept.get(name, Standing()) for name in self._rules}
        self._starts = {name: list(values) for name, values in memory["starts"].items()}
        self._past = deque(memory["past"], maxlen=_MEMORY)

    def _remember(self, diagnostics: CheckDiagnostics) -> None:
        for name, value in diagnostics.items():
            if value is not None and HAS_START.fullmatch(name):
                levels = self._starts.setdefault(name, [])
                if len(levels) < _START_CHECKS:
                    levels.append(value)
        self._past.append(remembered(diagnostics))


def check_record(step: int, diagnostics: CheckDiagnostics) -> dict[str, Any]:
    """Return the record of a check: all diagnostics, null where one could not be computed."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "step": step,
        "kind": "check",
        "diagnostics": dict(sorted(diagnostics.items())),
        "wall": now,
    }


def alarm_record(alarm: Alarm) -> dict[str, Any]:
    """Return the record of an alarm, with its evidence and the limits."""
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
