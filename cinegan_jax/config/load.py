"""Load a run's config from a shipped name, a Python file, a config.json or a ConfigDict."""

import json
import os
from collections.abc import Sequence

import ml_collections

from cinegan_jax.config.overrides import override
from cinegan_jax.config.sources import find_config_file, read_config_file
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.renamed import with_current_names
from cinegan_jax.core.storage import open_path


def load_config(
    source: str | os.PathLike[str] | ml_collections.ConfigDict, overrides: Sequence[str] = ()
) -> ml_collections.ConfigDict:
    """Return a config of its own, with overrides.

    Args:
      source: the name of a shipped config (`film`), the path of a Python file with a function
        `get_config`, the path of a run's config.json (local or gs://), or a config.
      overrides: `KEY=VALUE` each, with dots in the key: `data.size=256`. `config.` and `--config.`
        may stand before the key.

    Raises:
      UserError: there is no such source or key, or a value does not fit.
    """
    config = _read(source)
    for each in overrides:
        override(config, each)
    return config


def _read(source: str | os.PathLike[str] | ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    if isinstance(source, ml_collections.ConfigDict):
        return source.copy_and_resolve_references()
    name = os.fspath(source)
    if name.endswith(".json"):
        return _read_json(name)
    return read_config_file(find_config_file(name))


def _read_json(name: str) -> ml_collections.ConfigDict:
    file = open_path(name)
    if not file.exists():
        raise UserError(f"no config file {name!r}")
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise UserError(f"{name} is no JSON file: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{name} holds no config: it must be a JSON object")
    return ml_collections.ConfigDict(with_current_names(content))
