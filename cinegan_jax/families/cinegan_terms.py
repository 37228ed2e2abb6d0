"""Loss terms and diagnostics of CineGAN, computed from the outputs of its discriminators."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from cinegan_jax import losses
from cinegan_jax.core.types import Params, Scalar
from cinegan_jax.families.adversarial import (
    discriminator_diagnostics,
    discriminator_loss,
    generator_loss,
)
from cinegan_jax.families.cinegan_config import LossWeights
from cinegan_jax.families.cinegan_discriminators import Outputs
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets import spectral

DISTANCES = ("feature_matching", "perceptual", "l1", "lab", "histogram")
"""The generator's terms that measure the distance of its images from their targets."""


def generator_terms(
    weights: LossWeights,
    adversarial: Adversarial,
    outputs: Outputs,
    target: jax.Array,
    fake: jax.Array,
    perceptual: Callable[[jax.Array, jax.Array], Scalar],
) -> dict[str, Scalar]:
    """Return the generator's terms whose weight is not 0, without their weights.

    Args:
      weights: say which terms are computed.
      adversarial: the adversarial loss.
      outputs: of the discriminators.
      target, fake: signed images [n, h, w, 3].
      perceptual: the perceptual distance of target and fake.
    """
    terms: dict[str, Scalar] = {}
    if weights.adversarial:
        scores = [generator_loss(adversarial, pair.fake.logits) for pair in outputs.values()]
        terms["adversarial"] = jnp.stack(scores).mean()
    if weights.feature_matching:
        gaps = [
            losses.feature_matching(real.features, fake_output.features)
            for real, fake_output in outputs.values()
        ]
        terms["feature_matching"] = jnp.stack(gaps).mean()
    if weights.perceptual:
        terms["perceptual"] = perceptual(target, fake)
    if weights.total_variation:
        terms["total_variation"] = losses.total_variation(fake)
    for name, distance in (
        ("l1", losses.l1),
        ("lab", losses.lab),
        ("histogram", losses.histogram),
    ):
        if getattr(weights, name):
            terms[name] = distance(target, fake)
    return terms


def weighted_sum(weights: LossWeights, terms: Mapping[str, Scalar]) -> Scalar:
    """Return the generator's loss."""
    return sum((getattr(weights, name) * term for name, term in terms.items()), jnp.zeros(()))


def discriminator_losses(
    adversarial: Adversarial, outputs: Outputs, keys: jax.Array
) -> dict[str, Scalar]:
    """Return the loss of each discriminator; keys [n] draw flipped labels."""
    return {
        scale: discriminator_loss(adversarial, real.logits, fake.logits, keys)
        for scale, (real, fake) in outputs.items()
    }


def cinegan_diagnostics(
    params: Mapping[str, Params],
    vectors: Any,
    outputs: Outputs,
    terms: Mapping[str, Scalar],
    adversarial: Adversarial,
) -> dict[str, Scalar]:
    """Return the discriminators' accuracies and margins, singular values, and distance terms."""
    diagnostics = {f"level/{name}": term for name, term in terms.items() if name in DISTANCES}
    for scale, (real, fake) in outputs.items():
        diagnostics |= discriminator_diagnostics(adversarial, real.logits, fake.logits, scale)
        sigmas = spectral.singular_values(
            params["discriminator"][scale], vectors["discriminator"][scale]
        )
        diagnostics |= {
            f"discriminator/sigma/{scale}/{layer}": sigma for layer, sigma in sigmas.items()
        }
    sigmas = spectral.singular_values(params["generator"], vectors["generator"])
    diagnostics |= {f"generator/sigma/{layer}": sigma for layer, sigma in sigmas.items()}
    return jax.lax.stop_gradient(diagnostics)
