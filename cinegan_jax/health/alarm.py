"""An alarm: what was seen, what it means, what helps, and how it ends a run or takes it back."""

from dataclasses import dataclass
from typing import ClassVar

from cinegan_jax.errors import UserError
from cinegan_jax.health.rules import Crossing, Rule

UNHEALTHY_EXIT_CODE = 3
"""Exit code of a run that an alarm has stopped: starting it again would not help."""


@dataclass(frozen=True)
class Alarm:
    """Raised by a rule at a step.

    Attributes:
      evidence: the signals beyond their limits, at that step.
    """

    step: int
    name: str
    rule: Rule
    evidence: tuple[Crossing, ...]

    @property
    def message(self) -> str:
        """Evidence, meaning and remedy in plain words."""
        rule = self.rule
        seen = ", ".join(f"{c.signal} {c.value:.4g} (limit {c.limit:g})" for c in self.evidence)
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
