"""One optax optimizer a player."""

import dataclasses

import optax

from cinegan_jax.errors import UserError

SCHEDULES = ("constant", "linear", "cosine")


@dataclasses.dataclass(frozen=True)
class AdamSettings:
    """Adam with a schedule. `epsilon` is Keras' 1e-7 as published, not optax's 1e-8."""

    learning_rate: float
    beta1: float = 0.0
    beta2: float = 0.9
    epsilon: float = 1e-7
    schedule: str = "constant"
    """`constant`, or decay to zero at the last step: `linear`, `cosine`."""
    warmup_steps: int = 0
    clip_norm: float = 0.0
    """Largest global gradient norm; 0 clips nothing."""


def make_schedule(settings: AdamSettings, total_steps: int) -> optax.Schedule:
    """The learning rate at each update, from 0-based counts.

    Raises:
      UserError: the schedule has no such name, or warm-up is longer than the run.
    """
    peak, warmup = settings.learning_rate, settings.warmup_steps
    if warmup and warmup >= total_steps:
        raise UserError(f"warmup_steps={warmup} must be less than the run's {total_steps} steps")
    rest = max(1, total_steps - warmup)
    match settings.schedule:
        case "constant":
            main = optax.constant_schedule(peak)
        case "linear":
            main = optax.linear_schedule(peak, 0.0, rest)
        case "cosine":
            main = optax.cosine_decay_schedule(peak, rest)
        case other:
            raise UserError(f"schedule={other!r} is not one of {', '.join(SCHEDULES)}")
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), main], [warmup])


def make_adam(settings: AdamSettings, total_steps: int) -> optax.GradientTransformation:
    """Adam as `settings` say, gradients clipped first where asked."""
    adam = optax.adam(
        make_schedule(settings, total_steps), settings.beta1, settings.beta2, settings.epsilon
    )
    if settings.clip_norm <= 0:
        return adam
    return optax.chain(optax.clip_by_global_norm(settings.clip_norm), adam)
