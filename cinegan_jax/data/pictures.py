"""Pictures without a class: any folder of them, shards, the embedded photos, targets of pairs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from cinegan_jax.data.decode import BrokenPhoto, decode, is_photo
from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.splits import SPLITS, held_out
from cinegan_jax.errors import UserError
from cinegan_jax.storage import AnyPath


class Picture(NamedTuple):
    """One picture, uint8 [h, w, 3]."""

    name: str
    target: np.ndarray

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """What a batch holds of it."""
        return {"target": self.target}


PictureSource: TypeAlias = ExampleSource[Picture]


class PictureFiles:
    """Picture files by name.

    Args:
      files: the file of each name.
      keep: whether pictures stay in memory once they are read: for small sets.
    """

    kind = "pictures"

    def __init__(self, files: Mapping[str, AnyPath], keep: bool = False):
        self.names: Sequence[str] = sorted(files)
        self._files, self._keep = files, keep
        self._kept: dict[int, Picture] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Picture:
        if index in self._kept:
            return self._kept[index]
        picture = read_picture(self.names[index], self._files[self.names[index]])
        if self._keep:
            self._kept[index] = picture
        return picture


class TargetsOfPairs:
    """The targets of pairs, as pictures."""

    kind = "pictures"

    def __init__(self, pairs: PairSource):
        self._pairs, self.names = pairs, pairs.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Picture:
        pair = self._pairs[index]
        return Picture(pair.name, pair.target)


def read_picture(name: str, file: AnyPath) -> Picture:
    """Reads a picture.

    Raises:
      BrokenExample: it cannot be read.
    """
    try:
        return Picture(name, decode(file))
    except BrokenPhoto as error:
        raise BrokenExample(name, str(error)) from error


def folder_of_pictures(root: AnyPath, split: str) -> PictureFiles:
    """A split of the pictures in a folder and its subfolders, named by their paths in it.

    Where the folder holds `train` and `test`, these are the splits; else a share of the pictures
    is held out (see `held_out`).

    Raises:
      UserError: there is no such split, or it holds no pictures.
    """
    if split not in SPLITS:
        raise UserError(f"no split {split!r} in {root}; choose {' or '.join(SPLITS)}")
    if all((root / each).is_dir() for each in SPLITS):
        files = _pictures_below(root / split)
    else:
        found = _pictures_below(root)
        test = held_out(found)
        files = {name: path for name, path in found.items() if (name in test) == (split == "test")}
    if not files:
        raise UserError(f"{root} holds no pictures to {'train on' if split == 'train' else 'test'}")
    return PictureFiles(files)


def _pictures_below(root: AnyPath) -> dict[str, AnyPath]:
    paths = (path for path in root.rglob("*") if is_photo(path))
    return {path.relative_to(root).as_posix(): path for path in paths}
