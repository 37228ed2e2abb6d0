"""One optax optimizer a player."""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import optax

from cinegan_jax.config.run import AdamSettings
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import Update


class Cadence(NamedTuple):
    """Average number of updates of a player per step."""

    plain: float = 1.0
    lazy: float = 0.0
    """Updates that are not carried out at every step."""


ONCE = Cadence()


def cadence_of(player: str, updates: Iterable[Update]) -> Cadence:
    """A player's cadence under a family's updates."""
    mine = [update for update in updates if player in update.players]
    return Cadence(
        plain=sum(update.repeats for update in mine if update.every == 1),
        lazy=sum(update.repeats / update.every for update in mine if update.every > 1),
    )


def make_schedule(settings: AdamSettings, total_steps: int, at: str = "") -> optax.Schedule:
    """The learning rate at each update, from 0-based counts.

    Args:
      settings: of the optimizer.
      total_steps: length of the run.
      at: prefix of the settings' keys in messages, such as `config.optimizers.generator.`.

    Raises:
      UserError: warm-up is longer than the run.
    """
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if warmup and warmup >= total_steps:
        raise UserError(
            f"{at}warmup_steps={warmup} must be less than the run's {total_steps} steps: lower it, "
            "or lengthen the run by config.num_steps or config.num_epochs"
        )
    rest = max(1, total_steps - warmup)
    match settings.schedule:
        case "constant":
            main = optax.constant_schedule(peak)
        case "linear":
            main = optax.linear_schedule(peak, 0.0, rest)
        case "cosine":
            main = optax.cosine_decay_schedule(peak, rest)
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), main], [warmup])


def make_adam(
    settings: AdamSettings, total_steps: int, cadence: Cadence = ONCE, at: str = ""
) -> optax.GradientTransformation:
    """Adam as `settings` say, gradients clipped first where asked.

    The schedule goes by steps, however many updates a step has. Lazy updates come on top of the
    plain ones: with c the plain share of all, rate and betas become rate * c and beta ** c, so that
    a step moves as far and remembers as long as without them (arXiv 1912.04958, appendix B). `at`
    is that of `make_schedule`.
    """
    share = cadence.plain / (cadence.plain + cadence.lazy)
    settings = dataclasses.replace(
        settings,
        learning_rate=settings.learning_rate * share,
        beta1=settings.beta1**share,
        beta2=settings.beta2**share,
    )
    schedule = make_schedule(settings, total_steps, at)
    adam = optax.adam(
        lambda count: schedule(count / (cadence.plain + cadence.lazy)),
        settings.beta1,
        settings.beta2,
        settings.epsilon,
    )
    if settings.clip_norm <= 0:
        return adam
    return optax.chain(optax.clip_by_global_norm(settings.clip_norm), adam)
