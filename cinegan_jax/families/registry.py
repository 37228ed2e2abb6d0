"""Families by name, built from a run's config."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import ml_collections

from cinegan_jax.errors import UserError
from cinegan_jax.families.adversarial import Adversarial
from cinegan_jax.families.api import GanFamily
from cinegan_jax.families.cinegan import CineGan, LossWeights
from cinegan_jax.nets.patchgan import Discriminator
from cinegan_jax.nets.res_unet import Generator

PRECISIONS: Mapping[str, jnp.dtype] = {
    "bf16": jnp.dtype(jnp.bfloat16),
    "f32": jnp.dtype(jnp.float32),
}


def build_family(config: ml_collections.ConfigDict) -> GanFamily:
    """The family that `config.family` names.

    Raises:
      UserError: there is no family or precision of that name.
    """
    if config.family not in FAMILIES:
        raise UserError(f"family={config.family!r} is not one of {', '.join(FAMILIES)}")
    if config.precision not in PRECISIONS:
        raise UserError(f"precision={config.precision!r} is not one of {', '.join(PRECISIONS)}")
    return FAMILIES[config.family](config)


def _cinegan(config: ml_collections.ConfigDict) -> GanFamily:
    dtype = PRECISIONS[config.precision]
    for key in ("generator", "discriminator"):
        if config[key].width < 1:
            raise UserError(f"config.{key}.width={config[key].width} must be 1 or more")
    if config.data.size < 8 or config.data.size % 8:
        raise UserError(
            f"config.data.size={config.data.size} must be a multiple of 8: the generator halves "
            "pictures three times"
        )
    return CineGan(
        Generator(**config.generator, dtype=dtype),
        Discriminator(**config.discriminator, dtype=dtype),
        LossWeights(**config.losses),
        config.vgg19_file,
        *_later_settings(config),
    )


def _later_settings(config: ml_collections.ConfigDict) -> Iterator[Any]:
    """Of sections that configs of older runs, which are read still, do not have."""
    if "adversarial" in config:
        yield Adversarial(**config.adversarial)
    if "perceptual_layers" in config:
        layers = config.perceptual_layers.to_dict()
        if config.losses.perceptual and not any(layers.values()):
            raise UserError(
                f"config.losses.perceptual={config.losses.perceptual} needs a weight that is not 0 "
                f"in config.perceptual_layers ({', '.join(layers)})"
            )
        yield layers


FAMILIES: Mapping[str, Callable[[ml_collections.ConfigDict], GanFamily]] = {"cinegan": _cinegan}
