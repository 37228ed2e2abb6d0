"""CineGAN's two discriminators: their inputs, outputs and spectral vectors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cinegan_jax.core.types import Params
from cinegan_jax.families.adversarial import augmented, noisy
from cinegan_jax.families.api import StepContext
from cinegan_jax.families.game import Adversarial
from cinegan_jax.nets import spectral
from cinegan_jax.nets.patchgan import PatchDiscriminator
from cinegan_jax.ops.images import half_size

PLAYERS = ("generator", "discriminator")

DISCRIMINATOR_SCALES = ("full", "half")
"""The discriminators by the size of their images: as they are, and halved."""


class DiscriminatorOutput(NamedTuple):
    """The output of a discriminator for one batch of pairs."""

    logits: jax.Array
    features: tuple[jax.Array, ...]


class RealAndFake(NamedTuple):
    """The outputs of one discriminator for the real and for the generated images."""

    real: DiscriminatorOutput
    fake: DiscriminatorOutput


Outputs = Mapping[str, RealAndFake]
"""The outputs of each discriminator by its scale."""

Inputs = Mapping[str, tuple[jax.Array, Sequence[jax.Array]]]
"""For each scale the photo, and the batches of images that it is paired with."""


def discriminator_inputs(
    adversarial: Adversarial, photo: jax.Array, images: Sequence[jax.Array], context: StepContext
) -> Inputs:
    """Return what each discriminator receives: augmented, at its size, the images with noise.

    Args:
      adversarial: says how to augment and how much noise to add.
      photo: signed [n, h, w, 3].
      images: batches to pair the photo with, signed [n, h, w, 3] each.
      context: has the random keys and the step.
    """
    photo, *images = (augmented(adversarial, each, context) for each in (photo, *images))
    return {
        scale: (
            _at_scale(scale, photo),
            [noisy(adversarial, _at_scale(scale, each), context, scale) for each in images],
        )
        for scale in DISCRIMINATOR_SCALES
    }


def discriminator_at(
    scale: str, module: PatchDiscriminator, params: Mapping[str, Params], vectors: Any
) -> Callable[[jax.Array, jax.Array], DiscriminatorOutput]:
    """Return one discriminator as a function of photos and the images paired with them."""
    kernels = spectral.normalize(params["discriminator"][scale], vectors["discriminator"][scale])

    def judge(photo: jax.Array, images: jax.Array) -> DiscriminatorOutput:
        pair = jnp.concatenate([photo, images], axis=-1)
        return DiscriminatorOutput(*module.apply({"params": kernels}, pair))

    return judge


def discriminator_outputs(
    inputs: Inputs, module: PatchDiscriminator, params: Mapping[str, Params], vectors: Any
) -> Outputs:
    """Return the outputs of both discriminators for inputs of real and generated images."""
    outputs = {}
    for scale, (photo, (real, fake)) in inputs.items():
        judge = discriminator_at(scale, module, params, vectors)
        outputs[scale] = RealAndFake(judge(photo, real), judge(photo, fake))
    return outputs


def advance(params: Mapping[str, Params], vectors: Any, players: Sequence[str]) -> Any:
    """Return the vectors after one power iteration for the kernels of the players that move."""
    moved = dict(vectors)
    if "generator" in players:
        moved["generator"] = spectral.power_iteration(params["generator"], vectors["generator"])
    if "discriminator" in players:
        moved["discriminator"] = {
            scale: spectral.power_iteration(
                params["discriminator"][scale], vectors["discriminator"][scale]
            )
            for scale in DISCRIMINATOR_SCALES
        }
    return moved


def _at_scale(scale: str, images: jax.Array) -> jax.Array:
    return half_size(images) if scale == "half" else images
