"""The examples that a config names, of whichever kind its family learns from."""

from typing import Any

from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.pictures import PictureFiles, PictureSource, folder_of_pictures
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.errors import UserError
from cinegan_jax.families.api import Learned
from cinegan_jax.storage import open_path


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
    if learns_from == "pictures":
        return open_pictures(path, split, size=size, look=look, cache=cache)
    if path == "shapes":
        raise UserError("data.path='shapes' holds pictures, and this family learns from pairs")
    return open_pairs(path, split, look, cache)


def open_pictures(
    path: str, split: str, *, size: int, look: str = "", cache: str = CACHE
) -> PictureSource:
    """Opens one split of a set of pictures.

    Args:
      path: `shapes` (drawn), `samples` (the embedded photos), or a folder of pictures.
      split: `train` or `test`.
      size: pixels, height and width, of what is drawn; pictures that are read keep their own.
      look: the look of pairs.
      cache: local folder to copy the shards of a bucket into.

    Raises:
      UserError: there is no such set or split, or it is empty.
    """
    if path == "shapes":
        return DrawnShapes(split, size)
    if path == "samples":
        return PictureFiles({file.stem: file for file in sample_photos(split)}, keep=True)
    root = open_path(path)
    if not root.is_dir():
        raise UserError(f"no folder {path!r}: give a folder of pictures, 'shapes' or 'samples'")
    return folder_of_pictures(root, split)
