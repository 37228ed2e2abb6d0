"""The families by name, each with its config. JAX waits until a family is built."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_collections import ConfigDict

from cinegan_jax.config.check import read_section
from cinegan_jax.config.run import RunConfig
from cinegan_jax.config.schema import ROOT
from cinegan_jax.core.errors import UserError
from cinegan_jax.families import cinegan_config, dcgan, image_gan

if TYPE_CHECKING:
    from cinegan_jax.families.api import GanFamily


class FamilyEntry(NamedTuple):
    """One family, as configs name it."""

    defaults: RunConfig
    """Its default config; the type has the keys, their meaning and their rules."""
    build: Callable[[Any], "GanFamily"]
    """Makes the family from a valid config of that type."""


FAMILIES: Mapping[str, FamilyEntry] = {
    "cinegan": FamilyEntry(cinegan_config.CineGanConfig(), cinegan_config.build),
    "dcgan": FamilyEntry(dcgan.DcganConfig(), dcgan.build),
    "image_gan": FamilyEntry(image_gan.ImageGanConfig(), image_gan.build),
}


def family_entry(name: str) -> FamilyEntry:
    """Return the entry of a family.

    Raises:
      UserError: there is no family of that name.
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise UserError(f"{ROOT}family={name!r} is not one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def read_settings(config: ConfigDict | Mapping[str, Any]) -> RunConfig:
    """Return a config as the dataclasses of its family.

    Raises:
      UserError: a key is missing or unknown, or a value cannot work.
    """
    if "family" not in config:
        raise UserError(f"{ROOT}family is missing; it is one of {', '.join(FAMILIES)}")
    return read_section(family_entry(config["family"]).defaults, config)


def build_family(config: ConfigDict) -> "GanFamily":
    """Return the family that `config.family` names.

    Raises:
      UserError: see `read_settings`.
    """
    return family_entry(config.family).build(read_settings(config))
