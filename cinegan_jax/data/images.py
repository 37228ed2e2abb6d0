"""Image sources without pairs: folders, shards, the embedded photos, targets of pairs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath
from cinegan_jax.data.decode import BrokenPhoto, decode, is_photo
from cinegan_jax.data.examples import SPLITS, TEST_FRACTION, BrokenExample, ExampleSource, held_out
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.data.shards import Shards

PARTITION_FILES = ("list_eval_partition.txt", "list_eval_partition.csv")
"""CelebA's own split, in the folder of its pictures or beside it."""
_PARTITION = {"0": "train", "2": "test"}  # 1, for validation, belongs to neither

Files = Mapping[str, AnyPath]
"""Picture files by their paths in their folder."""


def split_pictures(root: AnyPath, test_fraction: float = TEST_FRACTION) -> dict[str, Files]:
    """The pictures of a folder and of its subfolders, by split.

    What says who is held out, the first that is there: the subfolders `train` and `test`, both;
    CelebA's partition file, where it lists any of the pictures; the names' hashes (see `held_out`).
    """
    if all((root / split).is_dir() for split in SPLITS):
        return {split: pictures_below(root / split) for split in SPLITS}
    files = pictures_below(root)
    listed = _partition(root, files)
    if listed:
        return {s: {n: files[n] for n in files if listed.get(n) == s} for s in SPLITS}
    test = held_out(files, test_fraction)
    return {
        "train": {name: file for name, file in files.items() if name not in test},
        "test": {name: file for name, file in files.items() if name in test},
    }


def pictures_below(root: AnyPath) -> Files:
    """The pictures of a folder and of its subfolders, in the order of their names."""
    found = {p.relative_to(root).as_posix(): p for p in files_below(root) if is_photo(p)}
    return dict(sorted(found.items()))


def files_below(folder: AnyPath) -> Iterator[AnyPath]:
    """All files of a folder and of its subfolders but hidden ones."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not is_photo(path) and path.is_dir():  # each look at a bucket is a request
            yield from files_below(path)
        else:
            yield path


def _partition(root: AnyPath, files: Files) -> dict[str, str]:
    """The split of each picture that a partition file lists, whatever the picture's ending."""
    candidates = (folder / name for folder in (root, root.parent) for name in PARTITION_FILES)
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        return {}
    lines = re.findall(r"^(\S+)\.\w+[\s,]+([012])\s*$", file.read_text(), re.MULTILINE)
    numbers = dict(lines)
    stems = {name: path.stem for name, path in files.items()}
    return {name: _PARTITION.get(numbers[s], "") for name, s in stems.items() if s in numbers}


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
