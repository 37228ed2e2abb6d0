"""Single images, for training without pairs: from folders, shards, or the targets of pairs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.names import both_names, normal_name
from cinegan_jax.core.storage import AnyPath
from cinegan_jax.data.examples import SPLITS, TEST_FRACTION, BrokenExample, ExampleSource, held_out
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.data.shards import Shards
from cinegan_jax.photos.contents import holds_photo
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.kinds import is_photo, without_developed_raw
from cinegan_jax.photos.photo import UnreadablePhoto

PARTITION_FILES = ("list_eval_partition.txt", "list_eval_partition.csv")
"""CelebA's list of splits, in the folder of its images or beside it."""
_PARTITION = {"0": "train", "2": "test"}  # 1, validation, is in neither split

Files = Mapping[str, AnyPath]
"""Image files by their paths relative to their folder."""


class SingleImage(NamedTuple):
    """One image, uint8 [h, w, 3]."""

    name: str
    target: np.ndarray

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The image by its key in a batch."""
        return {"target": self.target}


ImageSource: TypeAlias = ExampleSource[SingleImage]


class ImageFiles:
    """Image files by name.

    Args:
      files: the file of each name.
      keep: if True, images stay in memory once they are read; for small sets.
    """

    kind = "images"

    def __init__(self, files: Mapping[str, AnyPath], keep: bool = False):
        self.names: Sequence[str] = sorted(files)
        self._files, self._keep = files, keep
        self._kept: dict[int, SingleImage] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SingleImage:
        if index in self._kept:
            return self._kept[index]
        image = read_image(self.names[index], self._files[self.names[index]])
        if self._keep:  # two threads may both read it, to the same bytes
            self._kept[index] = image
        return image


class TargetsOfPairs:
    """Targets of pairs, as single images."""

    kind = "images"

    def __init__(self, pairs: PairSource):
        self._pairs, self.names = pairs, pairs.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SingleImage:
        pair = self._pairs[index]
        return SingleImage(pair.name, pair.target)


class ShardImages:
    """Single images of a folder made by `cinegan prepare --images`.

    Raises:
      UserError: the folder holds pairs, or see `Shards`.
    """

    kind = "images"

    def __init__(self, root: AnyPath, manifest: Manifest, split: str, cache: str = CACHE):
        if manifest.kind != self.kind:
            raise UserError(f"{root} holds {manifest.kind}, not {self.kind}")
        self._shards = Shards(root, manifest, split, cache)
        self.names = self._shards.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SingleImage:
        return SingleImage(**self._shards[index])


def read_image(name: str, file: AnyPath) -> SingleImage:
    """Read an image; raise BrokenExample if it cannot be read."""
    try:
        return SingleImage(name, decode(file))
    except UnreadablePhoto as error:
        raise BrokenExample(name, str(error)) from error


def split_images(root: AnyPath, test_fraction: float = TEST_FRACTION) -> dict[str, Files]:
    """Return the images of a folder and its subfolders, by split.

    The first of these that exists defines the splits: both subfolders `train` and `test`; a
    partition file of CelebA that lists any of the images; the hashes of the names (see `held_out`).
    """
    if all((root / split).is_dir() for split in SPLITS):
        return {split: images_below(root / split) for split in SPLITS}
    files = images_below(root)
    listed = _partition(root, files)
    if listed:
        return {s: {n: files[n] for n in files if listed.get(n) == s} for s in SPLITS}
    test = held_out(files, test_fraction)
    return {
        "train": {name: file for name, file in files.items() if name not in test},
        "test": {name: file for name, file in files.items() if name in test},
    }


def images_below(root: AnyPath) -> Files:
    """Return the images of a folder and its subfolders, sorted by name in composed form.

    RAW files with a developed image of the same name are left out.

    Raises:
      UserError: two images have the same name.
    """
    found: dict[str, AnyPath] = {}
    for path in without_developed_raw(filter(holds_photo, files_below(root))):
        name = normal_name(path.relative_to(root).as_posix())
        if name in found:
            both = (file.relative_to(root).as_posix() for file in (found[name], path))
            raise UserError(f"{root} holds both {both_names(*both)}: keep one")
        found[name] = path
    return dict(sorted(found.items()))


def files_below(folder: AnyPath) -> Iterator[AnyPath]:
    """Yield all files of a folder and its subfolders except hidden ones."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not is_photo(path) and path.is_dir():  # in a bucket, is_dir is a request
            yield from files_below(path)
        else:
            yield path


def _partition(root: AnyPath, files: Files) -> dict[str, str]:
    """Return the split of each image in a partition file; the ending of a name does not count."""
    candidates = (folder / name for folder in (root, root.parent) for name in PARTITION_FILES)
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        return {}
    lines = re.findall(r"^(\S+)\.\w+[\s,]+([012])\s*$", file.read_text(), re.MULTILINE)
    numbers = {normal_name(stem): number for stem, number in lines}
    stems = {name: normal_name(path.stem) for name, path in files.items()}
    return {name: _PARTITION.get(numbers[s], "") for name, s in stems.items() if s in numbers}
