"""Open the examples that a config names: pairs or single images, for training or held out."""

import os
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.data import manifest as manifests
from cinegan_jax.data.examples import SPLITS, ExampleSource
from cinegan_jax.data.images import (
    PictureFiles,
    PictureSource,
    ShardPictures,
    TargetsOfPairs,
    split_pictures,
)
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shapes import DRAWN, DrawnShapes
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.families.api import Learned


def open_source(
    learns_from: Learned, path: str, split: str, *, size: int, look: str = "", cache: str = CACHE
) -> ExampleSource[Any]:
    """Opens one split of a set of pairs (see `open_pairs`) or of pictures (see `open_pictures`).

    Args:
      learns_from: what the family's batches hold.
      path: what is opened.
      split: `train` or `test`.
      size: pixels, height and width, of what is drawn; pictures that are read keep their own.
      look: the look of pairs.
      cache: local folder to copy the shards of a bucket into.

    Raises:
      UserError: there is no such set or split, it is empty, or it is of the other kind.
    """
    if learns_from == "images":
        return open_pictures(path, split, size=size, look=look, cache=cache)
    if path == DRAWN:
        raise UserError(
            f"data.path={DRAWN!r} holds pictures, and this family learns from pairs: choose "
            "another data.path, or a family that learns from pictures"
        )
    return open_pairs(path, split, look, cache)


def open_pictures(
    path: str, split: str, *, size: int, look: str = "", cache: str = CACHE
) -> PictureSource:
    """Opens one split of a set of pictures.

    Args:
      path: `shapes` (drawn), `samples` (the embedded photos), a folder that `cinegan prepare`
        made, or any folder of pictures (see `split_pictures`). Of pairs the targets are taken.
        Folders may lie in a bucket.
      split: `train` or `test`.
      size: pixels, height and width, of what is drawn; pictures that are read keep their own.
      look: the look of pairs.
      cache: local folder to copy the shards of a bucket into.

    Raises:
      UserError: there is no such set or split, or it is empty.
    """
    if path == DRAWN:
        return DrawnShapes(split, size)
    if path == "samples":
        return PictureFiles({file.stem: file for file in sample_photos(split)}, keep=True)
    root = open_path(path)
    if not root.is_dir():
        raise UserError(f"no folder {path!r}: give a folder of pictures, {DRAWN!r} or 'samples'")
    if manifests.is_prepared(root):
        manifest = manifests.read(root)
        if manifest.kind == "pictures":
            return ShardPictures(root, manifest, split, cache)
        return TargetsOfPairs(open_pairs(path, split, look or manifest.look, cache))
    if any((root / each / "input").is_dir() for each in SPLITS):
        return _targets_of_folder(root, split, look, cache)
    return _pictures_of_folder(root, split)


def _targets_of_folder(root: AnyPath, split: str, look: str, cache: str) -> PictureSource:
    if not look:
        raise UserError(
            f"{root} holds pairs: say by data.look which folder beside 'input' the pictures are in"
        )
    return TargetsOfPairs(open_pairs(os.fspath(root), split, look, cache))


def _pictures_of_folder(root: AnyPath, split: str) -> PictureSource:
    if split not in SPLITS:
        raise UserError(f"no split {split!r} in {root}; choose {' or '.join(SPLITS)}")
    files = split_pictures(root)[split]
    if not files:
        raise UserError(f"the split {split!r} of {root} is empty: it needs pictures")
    return PictureFiles(files)
