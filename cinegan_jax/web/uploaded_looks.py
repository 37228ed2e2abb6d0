"""Looks that clients send with their photos."""

import dataclasses
import functools
import tempfile
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import Look, choose_look
from cinegan_jax.web.jobs import LookFile

_KEPT = 4
"""Looks that stay in memory, since a page sends one with every preview."""


@functools.lru_cache(_KEPT)
def uploaded_look(file: LookFile) -> Look:
    """Load a look file or LUT file; the look has the name of the file, without the suffix.

    The readers take paths, so the file, unlike photos, is on the disk while it is read.

    Raises:
      UserError: the file cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, file.name)
        path.write_bytes(file.content)
        try:
            look = choose_look(weights=str(path))
        except UserError as error:
            raise UserError(str(error).replace(str(path), file.name)) from error
    return dataclasses.replace(look, name=path.stem)
