"""How critics and generator meet: the losses between them, and what keeps the game stable."""

import dataclasses

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.errors import UserError
from cinegan_jax.families.api import Moment
from cinegan_jax.ops.diff_augment import POLICIES, diff_augment
from cinegan_jax.types import Scalar

LABELLED = {"least_squares": losses.least_squares, "logistic": losses.logistic}
"""Losses of logits against labels, 1 for real and 0 for fake."""
LOSSES = ("hinge", *LABELLED)


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """The settings; those left out are as published.

    Raises:
      UserError: a setting is out of range, has no such name, or does not belong to the loss.
    """

    loss: str = "hinge"
    """`hinge`, `least_squares` (arXiv 1611.04076) or `logistic`, the non-saturating one (arXiv
    1406.2661)."""
    label_smoothing: float = 0.0
    """The critics' label of real pairs is 1 less this (one-sided, arXiv 1606.03498)."""
    label_flips: float = 0.0
    """Share of pairs whose labels the critics get the wrong way round (Chintala et al., "How to
    train a GAN", NIPS 2016 workshop)."""
    noise: float = 0.0
    """Standard deviation, in signed range, of the noise on real and fake at the first step (arXiv
    1610.04490)."""
    noise_steps: int = 0
    """Steps in which it falls to zero in a line; 0: it stays."""
    augment: str = ""
    """Policies of `ops.diff_augment`, with commas between them, on what critics see."""
    r1: float = 0.0
    """Weight gamma of R1, gamma / 2 times the critic's squared slope at real pairs (arXiv
    1801.04406)."""
    r1_every: int = 16
    """Steps from one R1 update to the next, whose loss is as many times larger (arXiv
    1912.04958)."""
    critic_updates: int = 1
    """In a step, each on pairs of its own (arXiv 1406.2661, algorithm 1)."""
    generator_updates: int = 1
    """The same of the generator. With 1 and 1, both move from one forward pass."""

    def __post_init__(self) -> None:
        _check_name("loss", self.loss, LOSSES)
        for policy in self.policies:
            _check_name("augment", policy, tuple(POLICIES))
        for key in ("label_smoothing", "label_flips"):
            share = getattr(self, key)
            if not 0 <= share < 1:
                raise UserError(f"config.adversarial.{key}={share} must be 0 or more, less than 1")
            if share and self.loss not in LABELLED:
                raise UserError(
                    f"config.adversarial.{key}={share} needs labels, which the loss {self.loss!r} "
                    f"has not; set config.adversarial.loss to one of {', '.join(LABELLED)}"
                )
        for key, least in {"noise": 0, "noise_steps": 0, "r1": 0, **_COUNTS}.items():
            if getattr(self, key) < least:
                raise UserError(
                    f"config.adversarial.{key}={getattr(self, key)} must be {least} or more"
                )

    @property
    def policies(self) -> tuple[str, ...]:
        return tuple(filter(None, (name.strip() for name in self.augment.split(","))))

    @property
    def boundary(self) -> float:
        """The logit midway between what the loss asks for of real and of fake."""
        return 0.5 if self.loss == "least_squares" else 0.0

    @property
    def together(self) -> bool:
        """Whether both players move from one forward pass."""
        return self.critic_updates == self.generator_updates == 1


_COUNTS = {"r1_every": 1, "critic_updates": 1, "generator_updates": 1}


def critic_loss(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, keys: jax.Array
) -> Scalar:
    """One critic's loss of its patch logits [n, h, w, 1]; keys [n] say whose labels are flipped."""
    if settings.loss == "hinge":
        return losses.hinge_critic(real_logits, fake_logits)
    real = jnp.full(len(keys), 1.0 - settings.label_smoothing)
    fake = jnp.zeros(len(keys))
    if settings.label_flips:
        drawn = jax.vmap(jax.random.uniform)(keys)
        flipped = drawn < settings.label_flips
        real, fake = jnp.where(flipped, fake, real), jnp.where(flipped, real, fake)
    loss = LABELLED[settings.loss]
    return loss(real_logits, real) + loss(fake_logits, fake)


def generator_loss(settings: Adversarial, fake_logits: jax.Array) -> Scalar:
    """The generator's side of it: to be taken for real."""
    if settings.loss == "hinge":
        return losses.hinge_generator(fake_logits)
    return LABELLED[settings.loss](fake_logits, jnp.ones(len(fake_logits)))


def verdict_signals(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, critic: str = ""
) -> dict[str, Scalar]:
    """Signs of health of one critic: its share of right answers and its mean margin, of each kind.

    A margin is how far a logit lies on its right side of the boundary; hinge losses ask for 1.

    Args:
      settings: say where the boundary lies.
      real_logits, fake_logits: of any shape.
      critic: its name where there are several.
    """
    margins = {"real": real_logits - settings.boundary, "fake": settings.boundary - fake_logits}
    signals = {}
    for kind, margin in margins.items():
        part = "_".join(filter(None, (kind, critic)))
        signals[f"critics/accuracy_{part}"] = (margin > 0).astype(jnp.float32).mean()
        signals[f"critics/margin_{part}"] = margin.mean()
    return jax.lax.stop_gradient(signals)


def augmented(settings: Adversarial, images: jax.Array, moment: Moment) -> jax.Array:
    """What critics see of signed pictures [n, h, w, 3]; pictures of a pair are changed alike."""
    return diff_augment(images, stream(moment.keys, "augment"), settings.policies)


def noisy(settings: Adversarial, images: jax.Array, moment: Moment, scale: str) -> jax.Array:
    """Signed pictures [n, h, w, 3] under instance noise; of a pair, real and fake get the same."""
    if not settings.noise:
        return images
    keys = stream(moment.keys, f"noise_{scale}")
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + noise_level(settings, moment.step) * noise


def noise_level(settings: Adversarial, step: int | jax.Array) -> float | jax.Array:
    """Standard deviation of the instance noise at a 0-based step."""
    if not settings.noise_steps:
        return settings.noise
    return settings.noise * jnp.maximum(0.0, 1.0 - step / settings.noise_steps)


STREAMS = ("labels", "augment", "noise_full", "noise_half", "latents")
"""What is drawn for an example, each from a key of its own."""


def stream(keys: jax.Array, name: str) -> jax.Array:
    """The examples' keys [n] for one of `STREAMS`."""
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, STREAMS.index(name))


def _check_name(key: str, name: str, valid: tuple[str, ...]) -> None:
    if name not in valid:
        raise UserError(f"config.adversarial.{key}={name!r} is not one of {', '.join(valid)}")
