"""The section of a config that says how a run's health is checked (docs/health.md)."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from cinegan_jax.config.schema import Section, key, section, with_default

Action = Literal["off", "warn", "lower_rate", "rollback", "stop"]
"""The reaction to an alarm, from the weakest to the strongest."""


@dataclass(frozen=True)
class RuleSettings(Section):
    """The keys of every rule."""

    action: Action = key(
        "warn",
        "`off`, `warn`, `lower_rate` (of the rule's player), `rollback` (to the last healthy "
        "checkpoint) or `stop`.",
    )
    patience: int = key(
        3, "Consecutive checks that must show the failure before there is an alarm.", at_least=1
    )


@dataclass(frozen=True)
class DiscriminatorOverpowersSettings(RuleSettings):
    """A discriminator is hardly ever wrong."""

    patience: int = with_default(RuleSettings, "patience", 5)
    accuracy: float = key(0.98, "Share of right answers, or more.", at_least=0, at_most=1)


@dataclass(frozen=True)
class DiscriminatorMisledSettings(RuleSettings):
    """A discriminator is wrong more often than a guess."""

    patience: int = with_default(RuleSettings, "patience", 5)
    accuracy: float = key(0.2, "Share of right answers, or less.", at_least=0, at_most=1)


@dataclass(frozen=True)
class GeneratorGradientVanishesSettings(RuleSettings):
    """Nothing moves the generator any more."""

    patience: int = with_default(RuleSettings, "patience", 5)
    gradient_to_start: float = key(0.01, "Gradient norm over its start, or less.", at_least=0)
    update_ratio: float = key(1e-9, "Update norm over parameter norm, or less.", at_least=0)


@dataclass(frozen=True)
class CollapseSettings(RuleSettings):
    """Different inputs or latents give nearly the same image."""

    distance_to_targets: float = key(
        0.3, "Distance between outputs over that between targets, or less.", at_least=0
    )


@dataclass(frozen=True)
class OscillationSettings(RuleSettings):
    """The players take turns at winning."""

    patience: int = with_default(RuleSettings, "patience", 2)
    ahead: float = key(
        0.9, "Accuracy at which a discriminator is ahead, or more.", at_least=0, at_most=1
    )
    behind: float = key(0.5, "Accuracy at which it is behind, or less.", at_least=0, at_most=1)
    turns: int = key(4, "Changes from ahead to behind or back, or more.", at_least=1)


@dataclass(frozen=True)
class SaturationSettings(RuleSettings):
    """Outputs stick to the ends of their range."""

    excess: float = key(
        0.2,
        "Share of saturated values beyond that of the targets, or more.",
        at_least=-1,
        at_most=1,
    )


@dataclass(frozen=True)
class BloomingSettings(RuleSettings):
    """Highlights spread."""

    excess: float = key(
        0.03,
        "Share of burnt-out pixels beyond that of the targets, or more.",
        at_least=-1,
        at_most=1,
    )


@dataclass(frozen=True)
class ColourCastSettings(RuleSettings):
    """Images have a tint."""

    patience: int = with_default(RuleSettings, "patience", 5)
    delta: float = key(
        8.0, "Distance of mean a* and b* (CIE Lab) from that of the targets, or more.", at_least=0
    )


@dataclass(frozen=True)
class DivergenceSettings(RuleSettings):
    """A distance to the targets grows, or a gradient explodes."""

    level_to_start: float = key(3.0, "Distance to the targets over its start, or more.", at_least=0)
    gradient_to_start: float = key(100.0, "Gradient norm over its start, or more.", at_least=0)


@dataclass(frozen=True)
class StalledInputSettings(RuleSettings):
    """Devices wait for data."""

    wait_share: float = key(0.3, "Share of the time, or more.", at_least=0, at_most=1)


@dataclass(frozen=True)
class NonFiniteSettings(RuleSettings):
    """Steps were skipped for a NaN or an infinity."""

    patience: int = with_default(RuleSettings, "patience", 1)
    steps: int = key(1, "Skipped steps since the previous check, or more.", at_least=1)


@dataclass(frozen=True)
class HealthSettings(Section):
    """Checks of a run's health: one step is measured, and rules look for failures in it."""

    every_steps: int = key(20, "Steps between checks; 0: never.", at_least=0)
    grace_steps: int = key(200, "First steps, in which most rules do not look.", at_least=0)
    lower_rate_factor: float = key(
        0.5,
        "Factor of a player's learning rate at each action `lower_rate`.",
        above=0,
        at_most=1,
    )
    max_rollbacks: int = key(2, "Actions `rollback` of a run; one more stops it.", at_least=0)
    discriminator_overpowers: DiscriminatorOverpowersSettings = section(
        DiscriminatorOverpowersSettings()
    )
    discriminator_misled: DiscriminatorMisledSettings = section(DiscriminatorMisledSettings())
    generator_gradient_vanishes: GeneratorGradientVanishesSettings = section(
        GeneratorGradientVanishesSettings()
    )
    collapse: CollapseSettings = section(CollapseSettings())
    oscillation: OscillationSettings = section(OscillationSettings())
    saturation: SaturationSettings = section(SaturationSettings())
    blooming: BloomingSettings = section(BloomingSettings())
    colour_cast: ColourCastSettings = section(ColourCastSettings())
    divergence: DivergenceSettings = section(DivergenceSettings())
    stalled_input: StalledInputSettings = section(StalledInputSettings())
    non_finite: NonFiniteSettings = section(NonFiniteSettings())

    @staticmethod
    def without(*names: str) -> "HealthSettings":
        """Return the default settings with some rules off."""
        settings = HealthSettings()
        rules = {name: dataclasses.replace(getattr(settings, name), action="off") for name in names}
        return dataclasses.replace(settings, **rules)
