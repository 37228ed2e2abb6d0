"""Where samples are written: no file is replaced unasked, and each is whole or not there."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from etils import epath
from PIL import Image

from cinegan_jax.errors import UserError
from cinegan_jax.storage import make_folder, open_path, write_whole


class Place(NamedTuple):
    """Where the user wants them.

    Attributes:
        output: a file or folder; None: in the current folder under the run's name.
        run: its name.
        overwrite: whether files are replaced.
    """

    output: str | None
    run: str
    overwrite: bool = False

    def folder(self, suffix: str, names: Sequence[str]) -> epath.Path:
        """The folder `RUN-suffix` or the one that is wanted, ready for files of these names.

        Raises:
            UserError: it cannot be made, or has one of the files and none is to be replaced.
        """
        folder = open_path(self.output or f"{self.run}-{suffix}")
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file: give a folder with -o")
        self._prepare(folder, names)
        return folder

    def file(self, suffix: str) -> epath.Path:
        """The file `RUN-suffix` or the one that is wanted, in a folder that is there.

        Raises:
            UserError: it is a folder, or it exists and is not to be replaced, or the folder that it
                lies in cannot be made.
        """
        path = open_path(self.output or f"{self.run}-{suffix}")
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file in it with -o")
        self._prepare(path.parent, [path.name])
        return path

    def _prepare(self, folder: epath.Path, names: Sequence[str]) -> None:
        make_folder(folder)
        if self.overwrite or not folder.exists():  # in a bucket there is none before its files
            return
        existing = sorted({path.name for path in folder.iterdir()} & set(names))
        if existing:
            more = f" and {len(existing) - 1} others exist" if existing[1:] else " exists"
            raise UserError(
                f"{folder / existing[0]}{more}: give another place with -o, or --overwrite"
            )


def write_file(path: epath.Path, content: bytes | str) -> None:
    """Writes a file, whole or not at all.

    Raises:
        UserError: it cannot be written: the disk is full, say.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error


def to_png(picture: np.ndarray) -> bytes:
    """A PNG of a picture uint8 [h, w, 3]."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()
