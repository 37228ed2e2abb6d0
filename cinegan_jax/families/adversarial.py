"""The adversarial game: losses of generator and discriminators, and what stabilises it."""

import dataclasses

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Scalar
from cinegan_jax.families.api import StepContext
from cinegan_jax.ops.diff_augment import POLICIES, diff_augment

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
    """The discriminators' label of real pairs is 1 less this (one-sided, arXiv 1606.03498)."""
    label_flips: float = 0.0
    """Share of pairs whose labels are swapped for the discriminators (Chintala et al., "How to
    train a GAN", NIPS 2016 workshop)."""
    noise: float = 0.0
    """Standard deviation, in signed range, of the noise on real and fake at the first step (arXiv
    1610.04490)."""
    noise_steps: int = 0
    """Steps in which it falls to zero in a line; 0: it stays."""
    augment: str = ""
    """Policies of `ops.diff_augment`, with commas between them, on what discriminators see."""
    r1: float = 0.0
    """Weight gamma of R1, gamma / 2 times the discriminator's squared slope at real pairs (arXiv
    1801.04406)."""
    r1_every: int = 16
    """Steps from one R1 update to the next, whose loss is as many times larger (arXiv
    1912.04958)."""
    discriminator_updates: int = 1
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
        return self.discriminator_updates == self.generator_updates == 1


_COUNTS = {"r1_every": 1, "discriminator_updates": 1, "generator_updates": 1}


def discriminator_loss(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, keys: jax.Array
) -> Scalar:
    """Return a discriminator's loss of patch logits [n, h, w, 1]; keys [n] draw flipped labels."""
    if settings.loss == "hinge":
        return losses.hinge_discriminator(real_logits, fake_logits)
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


def discriminator_diagnostics(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, discriminator: str = ""
) -> dict[str, Scalar]:
    """Return the share of right answers and the mean margin of one discriminator, real and fake.

    A margin is how far a logit lies on its right side of the boundary; hinge losses ask for 1.

    Args:
      settings: say where the boundary lies.
      real_logits, fake_logits: of any shape.
      discriminator: its name where there are several.
    """
    margins = {"real": real_logits - settings.boundary, "fake": settings.boundary - fake_logits}
    diagnostics = {}
    for kind, margin in margins.items():
        part = "_".join(filter(None, (kind, discriminator)))
        diagnostics[f"discriminator/accuracy_{part}"] = (margin > 0).astype(jnp.float32).mean()
        diagnostics[f"discriminator/margin_{part}"] = margin.mean()
    return jax.lax.stop_gradient(diagnostics)


def augmented(settings: Adversarial, images: jax.Array, context: StepContext) -> jax.Array:
    """Augment signed images [n, h, w, 3] for the discriminators; images of a pair change alike."""
    return diff_augment(images, stream(context.keys, "augment"), settings.policies)


def noisy(settings: Adversarial, images: jax.Array, context: StepContext, scale: str) -> jax.Array:
    """Signed pictures [n, h, w, 3] under instance noise; of a pair, real and fake get the same."""
    if not settings.noise:
        return images
    keys = stream(context.keys, f"noise_{scale}")
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + noise_level(settings, context.step) * noise


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
