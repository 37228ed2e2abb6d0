"""What made a run: its resolved config, package versions and git revision, kept in its workdir."""

import json

import jax
import ml_collections
from etils import epath

from cinegan_jax.errors import UserError
from cinegan_jax.storage import write_whole
from cinegan_jax.versions import versions


def write_provenance(workdir: epath.Path, config: ml_collections.ConfigDict) -> None:
    """Write `config.json` and `versions.json`; of a resumed run they tell of the last start.

    Only the first process writes.

    Raises:
      UserError: they cannot be written.
    """
    if jax.process_index() != 0:
        return
    _write(workdir / "config.json", config.to_dict())
    _write(workdir / "versions.json", versions())


def _write(path: epath.Path, content: object) -> None:
    try:
        write_whole(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
