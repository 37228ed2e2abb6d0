"""The rules: each sees one way in which a GAN fails, in the diagnostics of one check.

A rule's fields are its keys in the config, `config.health.NAME.*`; what they should be stands in
configs/default.py. That one noisy check raises no alarm is the monitor's business (`patience`).
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.health.diagnostics import Diagnostics

ACTIONS = ("off", "warn", "lower_rate", "rollback", "stop")
"""From the weakest to the strongest."""

CRITIC_ACCURACY = re.compile(r"discriminator/accuracy(?!_real|_fake)\w*")
"""Each discriminator's share of right answers, real and generated pictures counted alike."""

LEVEL_TO_START = re.compile(r"level/\w+_to_start|output/target_distance_to_start")
GRADIENT_TO_START = re.compile(r"\w+/gradient_norm_to_start")


class Crossing(NamedTuple):
    """A diagnostic beyond its limit."""

    diagnostic: str
    value: float
    limit: float


@dataclass(frozen=True)
class Rule(ABC):
    """One kind of failure.

    Attributes:
      action: what its alarm does; one of `ACTIONS`.
      patience: checks in a row that must show it before there is an alarm, and none of which may
        show it before there can be another.
      meaning: what it means, in plain words.
      remedy: what usually helps, with the config's keys.
      player: whose learning rate is lowered where that is the action.
      from_start: whether it is looked for while a run's first steps are given grace.
    """

    action: str
    patience: int

    meaning: ClassVar[str]
    remedy: ClassVar[str]
    player: ClassVar[str] = "generator"
    from_start: ClassVar[bool] = False

    @abstractmethod
    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        """The diagnostics that show the failure; empty where it is not seen.

        Args:
          diagnostics: of this check.
          past: what is remembered of the checks before, oldest first (see `remembered`).
        """


@dataclass(frozen=True)
class DiscriminatorOverpowers(Rule):
    """A discriminator is hardly ever wrong."""

    accuracy: float

    meaning = "a discriminator tells generated pictures from real ones nearly every time"
    remedy = (
        "lower config.optimizers.discriminator.learning_rate, raise the generator's, or make the "
        "discriminators "
        "smaller (config.discriminator.width, config.capacity)"
    )
    player = "discriminator"

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _above(_matching(diagnostics, CRITIC_ACCURACY), self.accuracy)


@dataclass(frozen=True)
class DiscriminatorMisled(Rule):
    """A discriminator is wrong more often than a guess."""

    accuracy: float

    meaning = "a discriminator takes generated pictures for real ones, and real ones for generated"
    remedy = (
        "look for labels that are swapped or flipped too often; where there are none, raise "
        "config.optimizers.discriminator.learning_rate"
    )
    player = "discriminator"

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _below(_matching(diagnostics, CRITIC_ACCURACY), self.accuracy)


@dataclass(frozen=True)
class GeneratorGradientVanishes(Rule):
    """Nothing moves the generator any more."""

    gradient_to_start: float
    update_ratio: float

    meaning = "the generator hardly learns: its gradient vanishes, or no update moves it"
    remedy = (
        "raise config.optimizers.generator.learning_rate (or see why it is 0), lower that of the "
        "discriminators, "
        "and look for saturated outputs"
    )
    player = "discriminator"

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return [
            *_below(
                _named(diagnostics, "generator/gradient_norm_to_start"), self.gradient_to_start
            ),
            *_below(_named(diagnostics, "generator/update_ratio"), self.update_ratio),
        ]


@dataclass(frozen=True)
class Collapse(Rule):
    """Outputs are alike, though what they should be is not."""

    distance_to_targets: float

    meaning = "the generator makes nearly the same picture of different inputs or latents"
    remedy = (
        "go back to an earlier checkpoint with lower learning rates; for pairs raise "
        "config.losses.l1 or feature_matching against adversarial, for latents lower the rate of "
        "the player that is ahead, or set config.adversarial.noise or r1"
    )

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _below(_named(diagnostics, "output/distance_to_targets"), self.distance_to_targets)


@dataclass(frozen=True)
class Oscillation(Rule):
    """The players take turns at winning, instead of getting better together."""

    ahead: float
    behind: float
    turns: int

    meaning = "the players take turns at winning, and neither gets better"
    remedy = (
        "lower both learning rates, raise beta2 of config.optimizers.*, or keep an average "
        "(config.ema_decay)"
    )

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        found = []
        for name, value in _matching(diagnostics, CRITIC_ACCURACY):
            series = [known for check in past if (known := check.get(name)) is not None]
            turns = self._turns([*series, value])
            if turns >= self.turns:
                found.append(Crossing(f"{name}_turns", turns, self.turns))
        return found

    def _turns(self, accuracies: Sequence[float]) -> int:
        """How often a discriminator fell behind after it was ahead, or the other way round."""
        sides = [a >= self.ahead for a in accuracies if a >= self.ahead or a <= self.behind]
        return sum(one != other for one, other in pairwise(sides))


@dataclass(frozen=True)
class Saturation(Rule):
    """Outputs stick to the ends of their range."""

    excess: float

    meaning = "too much of the generated pictures is at the ends of the range, where tanh is flat"
    remedy = "lower config.optimizers.generator.learning_rate, or set its clip_norm"

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _above(_named(diagnostics, "output/saturated_excess"), self.excess)


@dataclass(frozen=True)
class Blooming(Rule):
    """Highlights spread."""

    excess: float

    meaning = "highlights bloom: more of the generated pictures is burnt out than of the targets"
    remedy = (
        "for pairs raise config.losses.l1 or total_variation, or use generator.residual; for "
        "latents lower the learning rates"
    )

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _above(_named(diagnostics, "output/burnt_excess"), self.excess)


@dataclass(frozen=True)
class ColourCast(Rule):
    """Pictures have a tint."""

    delta: float

    meaning = "the generated pictures' mean colour is off that of the targets (a*, b* of CIE Lab)"
    remedy = (
        "lower the learning rates; for pairs raise config.losses.l1, use "
        "config.generator.colour_path, and look whether inputs and targets belong together"
    )

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _above(_named(diagnostics, "output/colour_cast"), self.delta)


@dataclass(frozen=True)
class Divergence(Rule):
    """A distance to the targets grows instead of falling, or a gradient explodes."""

    level_to_start: float
    gradient_to_start: float

    meaning = "the run diverges: distances to the targets or gradients are far above their start"
    remedy = (
        "lower the learning rates, set config.optimizers.*.clip_norm or warmup_steps, and go back "
        "to an earlier checkpoint"
    )

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return [
            *_above(_matching(diagnostics, LEVEL_TO_START), self.level_to_start),
            *_above(_matching(diagnostics, GRADIENT_TO_START), self.gradient_to_start),
        ]


@dataclass(frozen=True)
class StalledInput(Rule):
    """Devices wait for data."""

    wait_share: float

    meaning = "the devices wait for data"
    remedy = (
        "raise config.data.threads, train from shards (`cinegan prepare`), or look at the disk and "
        "the network"
    )
    from_start = True

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
        return _above(_named(diagnostics, "data/wait_share"), self.wait_share)


@dataclass(frozen=True)
class NonFinite(Rule):
    """Steps were skipped."""

    steps: int

    meaning = "steps had a NaN or an infinity in a loss or a gradient, and moved nothing"
    remedy = (
        "use config.precision=f32, set config.optimizers.*.clip_norm, or lower the learning rates; "
        "look at the pictures of those steps"
    )
    from_start = True

    def crossings(self, diagnostics: Diagnostics, past: Sequence[Diagnostics]) -> list[Crossing]:
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
    "non_finite": NonFinite,
}
"""By name, as in the config and in `health.jsonl`."""


def make_rules(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """The rules that are not off.

    Args:
      settings: the fields of each rule by its name.

    Raises:
      UserError: an action has no such name, or a patience is below 1.
    """
    for name, fields in settings.items():
        if fields["action"] not in ACTIONS:
            raise UserError(
                f"config.health.{name}.action={fields['action']!r} is not one of "
                f"{', '.join(ACTIONS)}"
            )
        if fields["patience"] < 1:
            raise UserError(f"config.health.{name}.patience={fields['patience']} must be 1 or more")
    rules = {name: RULES[name](**fields) for name, fields in settings.items()}
    return {name: rule for name, rule in rules.items() if rule.action != "off"}


def remembered(diagnostics: Diagnostics) -> dict[str, float]:
    """The part of a check's diagnostics that rules look back at later."""
    return dict(_matching(diagnostics, CRITIC_ACCURACY))


def _named(diagnostics: Diagnostics, *names: str) -> Iterator[tuple[str, float]]:
    for name in names:
        value = diagnostics.get(name)
        if value is not None:
            yield name, value


def _matching(diagnostics: Diagnostics, pattern: re.Pattern[str]) -> Iterator[tuple[str, float]]:
    return _named(diagnostics, *filter(pattern.fullmatch, diagnostics))


def _above(found: Iterator[tuple[str, float]], limit: float) -> list[Crossing]:
    return [Crossing(name, value, limit) for name, value in found if value >= limit]


def _below(found: Iterator[tuple[str, float]], limit: float) -> list[Crossing]:
    return [Crossing(name, value, limit) for name, value in found if value <= limit]
