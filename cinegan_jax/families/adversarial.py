"""Losses of generator and discriminators against each other, and their stabilisers."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.core.types import Scalar
from cinegan_jax.families.api import StepContext
from cinegan_jax.families.game import Adversarial
from cinegan_jax.ops.diff_augment import diff_augment

_LABELLED: Mapping[str, Callable[[jax.Array, jax.Array], Scalar]] = {
    "least_squares": losses.least_squares,
    "logistic": losses.logistic,
}


def discriminator_loss(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, keys: jax.Array
) -> Scalar:
    """Return a discriminator's loss for patch logits [n, h, w, 1]; keys [n] draw flipped labels."""
    if settings.loss == "hinge":
        return losses.hinge_discriminator(real_logits, fake_logits)
    real = jnp.full(len(keys), 1.0 - settings.label_smoothing)
    fake = jnp.zeros(len(keys))
    if settings.label_flips:
        drawn = jax.vmap(jax.random.uniform)(keys)
        flipped = drawn < settings.label_flips
        real, fake = jnp.where(flipped, fake, real), jnp.where(flipped, real, fake)
    loss = _LABELLED[settings.loss]
    return loss(real_logits, real) + loss(fake_logits, fake)


def generator_loss(settings: Adversarial, fake_logits: jax.Array) -> Scalar:
    """Return the generator's loss: its images should be classified as real."""
    if settings.loss == "hinge":
        return losses.hinge_generator(fake_logits)
    return _LABELLED[settings.loss](fake_logits, jnp.ones(len(fake_logits)))


def discriminator_diagnostics(
    settings: Adversarial, real_logits: jax.Array, fake_logits: jax.Array, discriminator: str = ""
) -> dict[str, Scalar]:
    """Return the share of right answers and the mean margin of one discriminator, real and fake.

    A margin is the distance of a logit from the boundary, positive on its right side; hinge losses
    ask for 1.

    Args:
      settings: fix the boundary.
      real_logits, fake_logits: of any shape.
      discriminator: its name if there are several.
    """
    margins = {"real": real_logits - settings.boundary, "fake": settings.boundary - fake_logits}
    diagnostics = {}
    for kind, margin in margins.items():
        part = "_".join(filter(None, (kind, discriminator)))
        diagnostics[f"discriminator/accuracy_{part}"] = (margin > 0).astype(jnp.float32).mean()
        diagnostics[f"discriminator/margin_{part}"] = margin.mean()
    return jax.lax.stop_gradient(diagnostics)


def augmented(settings: Adversarial, images: jax.Array, context: StepContext) -> jax.Array:
    """Augment signed images [n, h, w, 3]; the images of one example change alike."""
    return diff_augment(images, stream(context.keys, "augment"), settings.policies)


def noisy(settings: Adversarial, images: jax.Array, context: StepContext, scale: str) -> jax.Array:
    """Add instance noise to signed images [n, h, w, 3]; real and fake get the same noise."""
    if not settings.noise:
        return images
    keys = stream(context.keys, f"noise_{scale}")
    noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
    return images + noise_level(settings, context.step) * noise


def noise_level(settings: Adversarial, step: int | jax.Array) -> float | jax.Array:
    """Return the standard deviation of the instance noise at a 0-based step."""
    if not settings.noise_steps:
        return settings.noise
    return settings.noise * jnp.maximum(0.0, 1.0 - step / settings.noise_steps)


STREAMS = ("labels", "augment", "noise_full", "noise_half", "latents")
"""The purposes for which random numbers are drawn per example, each from a key of its own."""


def stream(keys: jax.Array, name: str) -> jax.Array:
    """Return the examples' keys [n] for one of `STREAMS`."""
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, STREAMS.index(name))
