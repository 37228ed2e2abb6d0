"""Open the examples that a config names: pairs or single images, for training or held out."""

import os
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.data.examples import SPLITS, ExampleSource
from cinegan_jax.data.images import (
    ImageFiles,
    ImageSource,
    ShardImages,
    TargetsOfPairs,
    split_images,
)
from cinegan_jax.data.manifest import is_prepared, read_shard_manifest
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shapes import SHAPES_PATH, DrawnShapes
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.families.api import Learned


def open_source(
    learns_from: Learned, path: str, split: str, *, size: int, look: str = "", cache: str = CACHE
) -> ExampleSource[Any]:
    """Open one split of a set of pairs (see `open_pairs`) or of images (see `open_images`).

    Args:
      learns_from: kind of the examples.
      path: `config.data.path`.
      split: `train` or `test`.
      size: height and width of drawn images in pixels; images from files keep their own size.
      look: look of the pairs.
      cache: local folder for copies of shards in buckets.

    Raises:
      UserError: the set or split does not exist, is empty, or is of the other kind.
    """
    if learns_from == "images":
        return open_images(path, split, size=size, look=look, cache=cache)
    if path == SHAPES_PATH:
        raise UserError(
            f"data.path={SHAPES_PATH!r} holds images, but this family learns from pairs: choose "
            "another data.path, or a family that learns from images"
        )
    return open_pairs(path, split, look, cache)


def open_images(
    path: str, split: str, *, size: int, look: str = "", cache: str = CACHE
) -> ImageSource:
    """Open one split of a set of single images.

    Args:
      path: `shapes` (drawn), `samples` (the embedded photos), a folder made by `cinegan prepare`,
        or any folder of images (see `split_images`). For pairs, their targets are used. Folders may
        be in a bucket.
      split: `train` or `test`.
      size: height and width of drawn images in pixels; images from files keep their own size.
      look: look of the pairs.
      cache: local folder for copies of shards in buckets.

    Raises:
      UserError: the set or split does not exist or is empty.
    """
    if path == SHAPES_PATH:
        return DrawnShapes(split, size)
    if path == "samples":
        return ImageFiles({file.stem: file for file in sample_photos(split)}, keep=True)
    root = open_path(path)
    if not root.is_dir():
        raise UserError(
            f"no folder {path!r}: give a folder of images, {SHAPES_PATH!r} or 'samples'"
        )
    if is_prepared(root):
        manifest = read_shard_manifest(root)
        if manifest.kind == "images":
            return ShardImages(root, manifest, split, cache)
        return TargetsOfPairs(open_pairs(path, split, look or manifest.look, cache))
    if any((root / each / "input").is_dir() for each in SPLITS):
        return _open_targets(root, split, look, cache)
    return _open_folder(root, split)


def _open_targets(root: AnyPath, split: str, look: str, cache: str) -> ImageSource:
    if not look:
        raise UserError(
            f"{root} holds pairs: set data.look to the folder beside 'input' that has the images"
        )
    return TargetsOfPairs(open_pairs(os.fspath(root), split, look, cache))


def _open_folder(root: AnyPath, split: str) -> ImageSource:
    if split not in SPLITS:
        raise UserError(f"no split {split!r} in {root}; choose {' or '.join(SPLITS)}")
    files = split_images(root)[split]
    if not files:
        raise UserError(f"the split {split!r} of {root} is empty: add images")
    return ImageFiles(files)
