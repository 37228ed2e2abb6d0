"""Pictures without a class: any folder of them, shards, the embedded photos, targets of pairs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from cinegan_jax.data.decode import BrokenPhoto, decode
from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.data.shards import Shards
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
        if self._keep:  # two threads may both read it: the same bytes
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


class ShardPictures:
    """The pictures of a folder that `cinegan prepare` made.

    Raises:
      UserError: it holds pairs, or see `Shards`.
    """

    kind = "pictures"

    def __init__(self, root: AnyPath, manifest: Manifest, split: str, cache: str = CACHE):
        if manifest.kind != self.kind:
            raise UserError(f"{root} holds {manifest.kind}, not pictures")
        self._shards = Shards(root, manifest, split, cache)
        self.names = self._shards.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Picture:
        return Picture(**self._shards[index])


def read_picture(name: str, file: AnyPath) -> Picture:
    """Reads a picture.

    Raises:
      BrokenExample: it cannot be read.
    """
    try:
        return Picture(name, decode(file))
    except BrokenPhoto as error:
        raise BrokenExample(name, str(error)) from error
