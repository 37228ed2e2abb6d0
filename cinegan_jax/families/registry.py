"""Families by name, built from a run's config."""

from collections.abc import Callable, Mapping

import ml_collections

from cinegan_jax.core.errors import UserError
from cinegan_jax.families import cinegan, dcgan, image_gan
from cinegan_jax.families.api import GanFamily

FAMILIES: Mapping[str, Callable[[ml_collections.ConfigDict], GanFamily]] = {
    "cinegan": cinegan.build,
    "dcgan": dcgan.build,
    "image_gan": image_gan.build,
}


def build_family(config: ml_collections.ConfigDict) -> GanFamily:
    """The family that `config.family` names.

    Raises:
      UserError: there is no family of that name, or it cannot be built of the config.
    """
    if config.family not in FAMILIES:
        raise UserError(f"family={config.family!r} is not one of {', '.join(FAMILIES)}")
    return FAMILIES[config.family](config)
