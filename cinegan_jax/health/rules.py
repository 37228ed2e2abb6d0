"""The rules: each detects one kind of GAN failure in the diagnostics of one check.

A rule's fields are its keys in the config, `config.health.NAME.*`. Rules judge single checks; the
monitor requires several in a row (`patience`) before it raises an alarm.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from cinegan_jax.health.diagnostics import CheckDiagnostics

ACTIONS = ("off", "warn", "lower_rate", "rollback", "stop")
"""Names of actions, from the weakest to the strongest."""

_ACCURACY = re.compile(r"discriminator/accuracy(?!_real|_fake)\w*")
"""Accuracy of each discriminator, with real and generated images weighted equally."""

_LEVEL_TO_START = re.compile(r"level/\w+_to_start|output/target_distance_to_start")
_GRADIENT_TO_START = re.compile(r"\w+/gradient_norm_to_start")


class Crossing(NamedTuple):
    """A diagnostic that has reached its limit."""

    diagnostic: str
    value: float
    limit: float


@dataclass(frozen=True)
class Rule(ABC):
    """A rule that detects one kind of failure.

    Attributes:
      action: of its alarm; one of `ACTIONS`.
      patience: number of checks in a row that must show the failure before an alarm, and that must
        not show it before the alarm is over.
      meaning: what the failure means, as a sentence.
      remedy: what to do about it, as sentences with keys of the config.
      player: whose learning rate the action `lower_rate` lowers.
      from_start: whether the rule also applies during the grace steps of a run.
    """

    action: str
    patience: int

    meaning: ClassVar[str]
    remedy: ClassVar[str]
    player: ClassVar[str] = "generator"
    from_start: ClassVar[bool] = False

    @abstractmethod
    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        """Return the diagnostics that show the failure, none if there is none.

        Args:
          diagnostics: of this check.
          past: the `remembered` diagnostics of earlier checks, oldest first.
        """


@dataclass(frozen=True)
class DiscriminatorOverpowers(Rule):
    """Detects a discriminator that is nearly always right."""

    accuracy: float

    meaning = (
        "The discriminator classifies nearly all real and generated images correctly, so the "
        "generator learns little"
    )
    remedy = (
        "Lower config.optimizers.discriminator.learning_rate, raise "
        "config.optimizers.generator.learning_rate, or use a smaller discriminator "
        "(config.discriminator.width, config.capacity)"
    )
    player = "discriminator"

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_matching(diagnostics, _ACCURACY), self.accuracy)


@dataclass(frozen=True)
class DiscriminatorMisled(Rule):
    """Detects a discriminator that is wrong more often than a guess."""

    accuracy: float

    meaning = (
        "The discriminator classifies most real images as generated and most generated images as "
        "real"
    )
    remedy = (
        "Check for swapped labels and lower config.adversarial.label_flips. If there are none, "
        "raise config.optimizers.discriminator.learning_rate"
    )
    player = "discriminator"

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _below(_matching(diagnostics, _ACCURACY), self.accuracy)


@dataclass(frozen=True)
class GeneratorGradientVanishes(Rule):
    """Detects a generator that no longer moves."""

    gradient_to_start: float
    update_ratio: float

    meaning = "The generator hardly learns: its gradient or its updates are close to zero"
    remedy = (
        "Raise config.optimizers.generator.learning_rate, lower "
        "config.optimizers.discriminator.learning_rate, and check the samples for saturated "
        "images"
    )
    player = "discriminator"

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return [
            *_below(
                _named(diagnostics, "generator/gradient_norm_to_start"), self.gradient_to_start
            ),
            *_below(_named(diagnostics, "generator/update_ratio"), self.update_ratio),
        ]


@dataclass(frozen=True)
class Collapse(Rule):
    """Detects outputs that are alike although real images are not."""

    distance_to_targets: float

    meaning = (
        "The generator has collapsed: it gives nearly the same image for different inputs or "
        "latents"
    )
    remedy = (
        "Restart from an earlier checkpoint with lower learning rates. For pairs, raise "
        "config.losses.l1 or config.losses.feature_matching relative to config.losses.adversarial. "
        "For latents, set config.adversarial.noise or config.adversarial.r1"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _below(_named(diagnostics, "output/distance_to_targets"), self.distance_to_targets)


@dataclass(frozen=True)
class Oscillation(Rule):
    """Detects players that take turns at being ahead instead of improving together."""

    ahead: float
    behind: float
    turns: int

    meaning = (
        "Training oscillates: generator and discriminator take turns at being ahead, and neither "
        "improves"
    )
    remedy = (
        "Lower both learning rates, raise config.optimizers.*.beta2, or average the generator "
        "(config.ema_decay)"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        found = []
        for name, value in _matching(diagnostics, _ACCURACY):
            series = [known for check in past if (known := check.get(name)) is not None]
            turns = self._turns([*series, value])
            if turns >= self.turns:
                found.append(Crossing(f"{name}_turns", turns, self.turns))
        return found

    def _turns(self, accuracies: Sequence[float]) -> int:
        """Count how often a discriminator changed between ahead and behind."""
        sides = [a >= self.ahead for a in accuracies if a >= self.ahead or a <= self.behind]
        return sum(before != after for before, after in pairwise(sides))


@dataclass(frozen=True)
class Saturation(Rule):
    """Detects outputs at the ends of their range."""

    excess: float

    meaning = (
        "The generated images are saturated: more of their values than of the targets' are at the "
        "ends of the range, where tanh has no gradient"
    )
    remedy = (
        "Lower config.optimizers.generator.learning_rate, or set "
        "config.optimizers.generator.clip_norm"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_named(diagnostics, "output/saturated_excess"), self.excess)


@dataclass(frozen=True)
class Blooming(Rule):
    """Detects highlights that spread."""

    excess: float

    meaning = "Highlights bloom: more pixels of the generated images than of the targets are white"
    remedy = (
        "For pairs, raise config.losses.l1 or config.losses.total_variation, or set "
        "config.generator.residual=True. For latents, lower the learning rates"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_named(diagnostics, "output/burnt_excess"), self.excess)


@dataclass(frozen=True)
class ColourCast(Rule):
    """Detects a colour cast of the outputs."""

    delta: float

    meaning = (
        "The generated images have a colour cast: their mean a* and b* (CIE Lab) differ from "
        "those of the targets"
    )
    remedy = (
        "Lower the learning rates. For pairs, raise config.losses.l1, set "
        "config.generator.colour_path, and check that each input matches its target"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_named(diagnostics, "output/colour_cast"), self.delta)


@dataclass(frozen=True)
class Divergence(Rule):
    """Detects distances to the targets or gradients that grow far above their start."""

    level_to_start: float
    gradient_to_start: float

    meaning = (
        "The run diverges: distances to the targets or gradients are far above their values at the "
        "start"
    )
    remedy = (
        "Restart from an earlier checkpoint with lower learning rates, and set "
        "config.optimizers.*.clip_norm or config.optimizers.*.warmup_steps"
    )

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return [
            *_above(_matching(diagnostics, _LEVEL_TO_START), self.level_to_start),
            *_above(_matching(diagnostics, _GRADIENT_TO_START), self.gradient_to_start),
        ]


@dataclass(frozen=True)
class StalledInput(Rule):
    """Detects devices that wait for data."""

    wait_share: float

    meaning = "The devices spend much of the time waiting for data"
    remedy = (
        "Raise config.data.threads, train from shards (`cinegan prepare`), or check the speed of "
        "the disk and the network"
    )
    from_start = True

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_named(diagnostics, "data/wait_share"), self.wait_share)


@dataclass(frozen=True)
class NonFiniteSteps(Rule):
    """Detects steps that were skipped for a NaN or an infinity."""

    steps: int

    meaning = (
        "Steps had a NaN or an infinity in a loss or a gradient; they were skipped and changed "
        "nothing"
    )
    remedy = (
        "Set config.precision=f32 or config.optimizers.*.clip_norm, or lower the learning rates, "
        "and check the training images of those steps"
    )
    from_start = True

    def crossings(
        self, diagnostics: CheckDiagnostics, past: Sequence[CheckDiagnostics]
    ) -> list[Crossing]:
        return _above(_named(diagnostics, "steps/non_finite"), self.steps)


RULES: Mapping[str, type[Rule]] = {
    "discriminator_overpowers": DiscriminatorOverpowers,
    "discriminator_misled": DiscriminatorMisled,
    "generator_gradient_vanishes": GeneratorGradientVanishes,
    "collapse": Collapse,
    "oscillation": Oscillation,
    "saturation": Saturation,
    "blooming": Blooming,
    "colour_cast": ColourCast,
    "divergence": Divergence,
    "stalled_input": StalledInput,
    "non_finite": NonFiniteSteps,
}
"""Rules by name, as in the config and in `health.jsonl`."""


def make_rules(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """Return the rules that are not off, by name.

    Args:
      settings: fields of each rule, by its name, as the schema of configs admits them.
    """
    rules = {name: RULES[name](**fields) for name, fields in settings.items()}
    return {name: rule for name, rule in rules.items() if rule.action != "off"}


def remembered(diagnostics: CheckDiagnostics) -> dict[str, float]:
    """Return the diagnostics of a check that rules need at later checks."""
    return dict(_matching(diagnostics, _ACCURACY))


def _named(diagnostics: CheckDiagnostics, *names: str) -> Iterator[tuple[str, float]]:
    for name in names:
        value = diagnostics.get(name)
        if value is not None:
            yield name, value


def _matching(
    diagnostics: CheckDiagnostics, pattern: re.Pattern[str]
) -> Iterator[tuple[str, float]]:
    return _named(diagnostics, *filter(pattern.fullmatch, diagnostics))


def _above(found: Iterator[tuple[str, float]], limit: float) -> list[Crossing]:
    return [Crossing(name, value, limit) for name, value in found if value >= limit]


def _below(found: Iterator[tuple[str, float]], limit: float) -> list[Crossing]:
    return [Crossing(name, value, limit) for name, value in found if value <= limit]
