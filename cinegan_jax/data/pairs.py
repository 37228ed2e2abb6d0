"""Image pairs, without and with the look: from folders, shards, or rendered on the fly."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from absl import logging

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.names import both_names, normal_name
from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.data.examples import BrokenExample, ExampleSource
from cinegan_jax.data.manifest import Manifest, is_prepared, read_shard_manifest
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.data.shards import Shards
from cinegan_jax.film.render import FilmLook, load_recipe, photo_seed, render_film
from cinegan_jax.photos.contents import holds_photo
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.kinds import without_developed_raw
from cinegan_jax.photos.photo import UnreadablePhoto

ANY_NAME = "{}"
"""Template of file names that are the name of their pair."""


class Pair(NamedTuple):
    """One photo before and after, uint8 [h, w, 3] each.

    `clean` is the target without grain, where it is known. No deterministic generator can predict
    grain, so scores are given against both targets.
    """

    name: str
    input: np.ndarray
    target: np.ndarray
    clean: np.ndarray | None = None

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The images by their key in a batch."""
        return {"input": self.input, "target": self.target}


PairSource: TypeAlias = ExampleSource[Pair]


def open_pairs(path: str, split: str, look: str, cache: str = CACHE) -> PairSource:
    """Open one split of a set of pairs.

    Args:
      path: `samples` (the embedded photos, rendered with the look), a folder made by
        `cinegan prepare`, or a folder with the layout `{train,test}/{input,LOOK}/NAME.png`. Folders
        may be in a bucket.
      split: `train` or `test`.
      look: name of the look; for `samples` also a .cube or HaldCLUT file.
      cache: local folder for copies of shards in buckets.

    Raises:
      UserError: the folder, split or look is missing or has no pairs.
    """
    if path == "samples":
        return RenderedPhotos(sample_photos(split), look)
    root = open_path(path)
    if is_prepared(root):
        return ShardPairs(root, split, look, cache)
    if not root.is_dir():
        raise UserError(f"no folder {path!r}: give a folder of pairs, or 'samples'")
    return FolderPairs(subfolder(root, split, "input"), subfolder(root, split, look))


class FolderPairs:
    """Images of two folders, paired by file name without its ending.

    Args:
      inputs: folder of the images without the look.
      targets: folder of the same images with the look; may be the same folder.
      input_name: file name of an input without ending; `{}` is the name of the pair.
      target_name: file name of a target without ending.

    Raises:
      UserError: a folder has no images or two of one name, or no name is in both folders.
    """

    kind = "pairs"

    def __init__(
        self,
        inputs: AnyPath,
        targets: AnyPath,
        input_name: str = ANY_NAME,
        target_name: str = ANY_NAME,
    ):
        self._inputs = _require_images(inputs, input_name)
        self._targets = _require_images(targets, target_name)
        self.names: Sequence[str] = sorted(self._inputs.keys() & self._targets.keys())
        if not self.names:
            raise UserError(
                f"no common names in {inputs} ({_listed(self._inputs)}) and {targets} "
                f"({_listed(self._targets)}): the two images of a pair must have the same name"
            )
        unmatched = self.unmatched()
        if unmatched:
            logging.warning(
                "%d images have no partner and are left out: %s", len(unmatched), _listed(unmatched)
            )

    def unmatched(self) -> list[AnyPath]:
        """Return the images whose name is in one folder only."""
        lone = self._inputs.keys() ^ self._targets.keys()
        sides = self._inputs, self._targets
        paired = {path for name in self.names for path in (side[name] for side in sides)}
        return sorted({side[n] for side in sides for n in lone & side.keys()} - paired)

    def paths(self, index: int) -> tuple[AnyPath, AnyPath]:
        """Return the files of input and target."""
        name = self.names[index]
        return self._inputs[name], self._targets[name]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        return read_pair(self.names[index], *self.paths(index))


class ShardPairs:
    """Pairs of a folder made by `cinegan prepare`; for one in a bucket, of its local copy.

    Raises:
      UserError: the folder holds single images or another look, or see `Shards`.
    """

    kind = "pairs"

    def __init__(self, root: AnyPath, split: str, look: str, cache: str = CACHE):
        manifest = read_shard_manifest(root)
        if manifest.kind != self.kind:
            raise UserError(
                f"{root} holds {manifest.kind}, but this family learns from {self.kind}: "
                "prepare the folder without --images, or choose a family that learns from images"
            )
        require_look(root, manifest, look)
        self._shards = Shards(root, manifest, split, cache)
        self.names = self._shards.names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        return Pair(**self._shards[index])


class RenderedPhotos:
    """Photos whose targets are rendered with a film look and kept in memory, for small sets.

    Args:
      photos: image files; a pair is named after its file.
      look: name of a film look, or a .cube or HaldCLUT file.
    """

    kind = "pairs"

    def __init__(self, photos: Sequence[Path], look: str):
        self._photos = list(photos)
        self._recipe = load_recipe(look)
        self._rendered: dict[int, Pair] = {}
        self.names: Sequence[str] = [photo.stem for photo in self._photos]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        if index not in self._rendered:  # two threads may both render it, to the same bytes
            self._rendered[index] = self._render(index)
        return self._rendered[index]

    def _render(self, index: int) -> Pair:
        name = self.names[index]
        try:
            photo = decode(self._photos[index])
        except UnreadablePhoto as error:
            raise BrokenExample(name, str(error)) from error
        return rendered_pair(name, photo, self._recipe)


def read_pair(
    name: str,
    before: AnyPath,
    after: AnyPath,
    decode: Callable[[AnyPath], np.ndarray] = decode,
) -> Pair:
    """Read the two images of a pair.

    Args:
      name: name of the pair.
      before, after: the files.
      decode: decodes a file, as `photos.decode.decode` does.

    Raises:
      BrokenExample: one of them cannot be read, or they differ in size.
    """
    try:
        pair = Pair(name, decode(before), decode(after))
    except UnreadablePhoto as error:
        raise BrokenExample(name, str(error)) from error
    if pair.input.shape != pair.target.shape:
        sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (pair.input, pair.target)]
        raise BrokenExample(
            name, f"the images differ in size: {before} is {sizes[0]}, {after} is {sizes[1]}"
        )
    return pair


def rendered_pair(name: str, photo: np.ndarray, look: FilmLook, keep_clean: bool = True) -> Pair:
    """Render the target of a photo, uint8 [h, w, 3]; its name seeds the grain."""
    seed = photo_seed(name)
    clean = render_film(photo, look, seed, grain=False) if keep_clean else None
    return Pair(name, photo, render_film(photo, look, seed), clean)


def require_look(root: AnyPath, manifest: Manifest, look: str) -> None:
    """Raise UserError if the prepared folder `root` has another look."""
    if Path(look).name != manifest.look:
        raise UserError(
            f"{root} was prepared with the look {manifest.look!r}, not {look!r}: "
            f"use {manifest.look!r}, or prepare another folder"
        )


def subfolder(root: AnyPath, *parts: str) -> AnyPath:
    """Return `root/parts`; raise a UserError that lists what is there if a part is missing."""
    folder = root
    for part in parts:
        if not (folder / part).is_dir():
            present = [child.name for child in folder.iterdir()]
            raise UserError(
                f"no folder {part!r} in {folder}; it holds {_listed(present)}. "
                "`cinegan prepare` reads other layouts"
            )
        folder = folder / part
    return folder


def photos_by_name(folder: AnyPath, template: str = ANY_NAME) -> dict[str, AnyPath]:
    """Return the images directly in `folder` by file name without its ending, in composed form.

    RAW files with a developed image of the same name are left out, and so are files whose name does
    not fit the template; its `{}` is the name that is returned.

    Raises:
      UserError: two images have the same name.
    """
    photos: dict[str, AnyPath] = {}
    for path in without_developed_raw(sorted(filter(holds_photo, folder.iterdir()))):
        name = _name_in(normal_name(path.stem), template)
        if name is None:
            continue
        if name in photos:
            raise UserError(
                f"{folder} holds both {both_names(photos[name].name, path.name)}: keep one"
            )
        photos[name] = path
    return photos


def _name_in(stem: str, template: str) -> str | None:
    """Return the part of a file name that `{}` stands for, or None where the rest differs."""
    start, _, end = normal_name(template).partition("{}")
    fits = stem.startswith(start) and stem.endswith(end) and len(stem) > len(start) + len(end)
    return stem[len(start) : len(stem) - len(end)] if fits else None


def _require_images(folder: AnyPath, template: str) -> dict[str, AnyPath]:
    photos = photos_by_name(folder, template)
    if not photos:
        named = "" if template == ANY_NAME else f" named {template}"
        raise UserError(f"no images{named} in {folder}: add the images of the pairs")
    return photos


def _listed(names: Iterable[str | AnyPath], limit: int = 5) -> str:
    ordered = sorted(map(str, names))
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return (", ".join(map(repr, ordered[:limit])) or "nothing") + more
