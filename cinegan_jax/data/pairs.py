"""Pairs of photographs, plain and with the look: folders, shards, photos rendered on the fly."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from absl import logging

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.data import manifest as manifests
from cinegan_jax.data.decode import BrokenPhoto, decode, is_photo
from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.data.shards import Shards
from cinegan_jax.film.render import FilmLook, load_look, photo_seed, render


class Pair(NamedTuple):
    """One photo before and after, uint8 [h, w, 3] each.

    `clean` is the target without grain where it is known: grain is noise, which no deterministic
    generator can predict, so scores are given against both.
    """

    name: str
    input: np.ndarray
    target: np.ndarray
    clean: np.ndarray | None = None

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """What a batch holds of it."""
        return {"input": self.input, "target": self.target}


PairSource: TypeAlias = ExampleSource[Pair]


def open_pairs(path: str, split: str, look: str, cache: str = CACHE) -> PairSource:
    """Opens one split of a set of pairs.

    Args:
      path: `samples` (the embedded photos, rendered with the look), a folder that `cinegan prepare`
        made, or a folder laid out like FilmSet: `{train,test}/{input,LOOK}/NAME.png`. Folders may
        lie in a bucket.
      split: `train` or `test`.
      look: the name of the look; for `samples` a .cube or HaldCLUT file as well.
      cache: local folder to copy the shards of a bucket into.

    Raises:
      UserError: the folder, split or look is missing or holds no pairs.
    """
    if path == "samples":
        return RenderedPhotos(sample_photos(split), look)
    root = open_path(path)
    if manifests.is_prepared(root):
        return ShardPairs(root, split, look, cache)
    if not root.is_dir():
        raise UserError(f"no folder {path!r}: give a folder of pairs, or 'samples'")
    return FolderPairs(subfolder(root, split, "input"), subfolder(root, split, look))


class FolderPairs:
    """Two folders of pictures, paired by file name without its ending.

    Args:
      inputs: the folder of plain photos.
      targets: the folder of the same photos with the look.

    Raises:
      UserError: no name occurs in both, or one name occurs twice in one folder.
    """

    kind = "pairs"

    def __init__(self, inputs: AnyPath, targets: AnyPath):
        self._inputs, self._targets = photos_by_name(inputs), photos_by_name(targets)
        self.names: Sequence[str] = sorted(self._inputs.keys() & self._targets.keys())
        if not self.names:
            raise UserError(
                f"no common names in {inputs} ({_some(self._inputs)}) and {targets} "
                f"({_some(self._targets)}): the two pictures of a pair must have the same name"
            )
        unmatched = self.unmatched()
        if unmatched:
            logging.warning(
                "%d pictures have no partner and are left out: %s", len(unmatched), _some(unmatched)
            )

    def unmatched(self) -> list[AnyPath]:
        """The pictures whose name occurs on one side only."""
        lone = self._inputs.keys() ^ self._targets.keys()
        return sorted(
            p for side in (self._inputs, self._targets) for n, p in side.items() if n in lone
        )

    def paths(self, index: int) -> tuple[AnyPath, AnyPath]:
        """The files of input and target."""
        name = self.names[index]
        return self._inputs[name], self._targets[name]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        return read_pair(self.names[index], *self.paths(index))


class ShardPairs:
    """The shards of a folder that `cinegan prepare` made; of one in a bucket, the local copies.

    Raises:
      UserError: it holds pictures instead of pairs, was made with another look, or see `Shards`.
    """

    kind = "pairs"

    def __init__(self, root: AnyPath, split: str, look: str, cache: str = CACHE):
        manifest = manifests.read(root)
        if manifest.kind != "pairs":
            raise UserError(
                f"{root} holds {manifest.kind}, prepared without partners, and pairs are needed: "
                "prepare it without --pictures, or choose a family that learns from pictures"
            )
        require_look(root, manifest, look)
        self._shards = Shards(root, manifest, split, cache)
        self.names = self._shards.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        return Pair(**self._shards[index])


class RenderedPhotos:
    """Photos whose targets are rendered with a film look, held in memory: for small sets.

    Args:
      photos: the picture files; a pair is named after its file.
      look: the name of a look or a .cube / HaldCLUT file.
    """

    kind = "pairs"

    def __init__(self, photos: Sequence[Path], look: str):
        self._photos = list(photos)
        self._look = load_look(look)
        self._rendered: dict[int, Pair] = {}
        self.names: Sequence[str] = [photo.stem for photo in self._photos]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        if index not in self._rendered:  # two threads may both render it: the same bytes
            self._rendered[index] = self._render(index)
        return self._rendered[index]

    def _render(self, index: int) -> Pair:
        name = self.names[index]
        try:
            photo = decode(self._photos[index])
        except BrokenPhoto as error:
            raise BrokenExample(name, str(error)) from error
        return rendered_pair(name, photo, self._look)


def read_pair(name: str, before: AnyPath, after: AnyPath) -> Pair:
    """Reads the two pictures of a pair.

    Raises:
      BrokenExample: one of them cannot be read, or they differ in size.
    """
    try:
        pair = Pair(name, decode(before), decode(after))
    except BrokenPhoto as error:
        raise BrokenExample(name, str(error)) from error
    if pair.input.shape != pair.target.shape:
        sizes = [f"{photo.shape[1]}x{photo.shape[0]}" for photo in (pair.input, pair.target)]
        raise BrokenExample(
            name, f"the pictures differ in size: {before} is {sizes[0]}, {after} is {sizes[1]}"
        )
    return pair


def rendered_pair(name: str, photo: np.ndarray, look: FilmLook, keep_clean: bool = True) -> Pair:
    """The pair of a photo, uint8 [h, w, 3], and its rendering, seeded by the photo's name."""
    seed = photo_seed(name)
    clean = render(photo, look, seed, grain=False) if keep_clean else None
    return Pair(name, photo, render(photo, look, seed), clean)


def require_look(root: AnyPath, manifest: manifests.Manifest, look: str) -> None:
    """Raises UserError where a prepared folder has another look."""
    if Path(look).name != manifest.look:
        raise UserError(
            f"{root} was prepared with the look {manifest.look!r}, not {look!r}: "
            f"ask for {manifest.look!r}, or prepare another folder"
        )


def subfolder(root: AnyPath, *parts: str) -> AnyPath:
    """`root/parts`; a part that is missing is a UserError that lists what is there."""
    folder = root
    for part in parts:
        if not (folder / part).is_dir():
            present = [child.name for child in folder.iterdir() if child.is_dir()]
            raise UserError(f"no folder {part!r} in {folder}; it holds {_some(present)}")
        folder = folder / part
    return folder


def photos_by_name(folder: AnyPath) -> dict[str, AnyPath]:
    """The pictures directly in `folder`, by file name without its ending.

    Raises:
      UserError: two pictures have the same name.
    """
    photos: dict[str, AnyPath] = {}
    for path in sorted(filter(is_photo, folder.iterdir())):
        if path.stem in photos:
            raise UserError(
                f"{folder} holds both {photos[path.stem].name} and {path.name}: keep one"
            )
        photos[path.stem] = path
    return photos


def _some(names: Iterable[str | AnyPath], limit: int = 5) -> str:
    listed = sorted(map(str, names))
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return (", ".join(map(repr, listed[:limit])) or "nothing") + more
