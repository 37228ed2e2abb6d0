"""Load a run's config from a shipped name, a Python file, a config.json or a ConfigDict."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import ml_collections

from cinegan_jax.config.check import to_config_dict
from cinegan_jax.config.migration import migrate
from cinegan_jax.config.overrides import override
from cinegan_jax.config.sources import find_config_file, read_config_file
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import read_json_object
from cinegan_jax.core.storage import open_path
from cinegan_jax.families.registry import family_entry, read_settings

ConfigSource: TypeAlias = str | os.PathLike[str] | ml_collections.ConfigDict


def load_config(source: ConfigSource, overrides: Sequence[str] = ()) -> ml_collections.ConfigDict:
    """Return a new, checked config: that of a source, with overrides.

    Keys of the result can be changed, but not added.

    Args:
      source: the name of a shipped config (`film`), the path of a Python file with a function
        `get_config`, the path of a run's config.json (local or gs://), or a config.
      overrides: `KEY=VALUE` each, with dots in the key: `data.size=256`. `config.` and `--config.`
        may stand before the key.

    Raises:
      UserError: there is no such source or key, or a value cannot work.
    """
    config = _read(source)
    for each in overrides:
        override(config, each)
    return to_config_dict(read_settings(config)).lock()


def default_config(family: str) -> ml_collections.ConfigDict:
    """Return the default config of a family. Its keys can be changed, but not added.

    Raises:
      UserError: there is no family of that name.
    """
    return to_config_dict(family_entry(family).defaults).lock()


def check_config(config: ml_collections.ConfigDict | Mapping[str, Any]) -> None:
    """Check every value of a config, and the rules between keys; nothing is built.

    Raises:
      UserError: a key is missing or unknown, or a value cannot work; all of them are named.
    """
    read_settings(config)


def _read(source: ConfigSource) -> ml_collections.ConfigDict:
    if isinstance(source, ml_collections.ConfigDict):
        return source.copy_and_resolve_references()
    name = os.fspath(source)
    if name.endswith(".json"):
        return _upgraded(name, _read_json(name))
    return read_config_file(find_config_file(name))


def _upgraded(name: str, content: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """Return the config in a file, checked here, so that messages name the file."""
    try:
        config = ml_collections.ConfigDict(migrate(content))
        check_config(config)
    except UserError as error:
        raise UserError(f"{name} cannot be used: {error}") from error
    return config


def _read_json(name: str) -> dict[str, Any]:
    file = open_path(name)
    if not file.exists():
        raise UserError(f"no config file {name!r}")
    return read_json_object(file, "give the config.json of a run")
