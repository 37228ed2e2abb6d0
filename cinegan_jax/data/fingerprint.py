"""Fingerprint of training data, by which a resumed run recognises its own.

It depends on what the data hold, not on where they lie: copies on other disks or in a bucket have
the same one. Shards count by their checksums; other files by name and size, and a few of them by
some bytes from their middle, since files without compression are all of one size.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cinegan_jax.core.names import normal_name
from cinegan_jax.core.storage import AnyPath, file_sha256, file_sizes, open_path
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.images import split_images
from cinegan_jax.data.manifest import is_prepared, read_shard_manifest
from cinegan_jax.data.pairs import photos_by_name, subfolder
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.shapes import SHAPES_PATH
from cinegan_jax.families.api import Learned

_DIGITS = 16
_SAMPLED_FILES = 16
_SAMPLED_BYTES = 4096


def data_fingerprint(learns_from: Learned, path: str, look: str) -> str:
    """Return the fingerprint of the training split, 16 hexadecimal digits.

    Args:
      learns_from: kind of the examples.
      path: `config.data.path`.
      look: `config.data.look`.

    Raises:
      UserError: the data cannot be opened.
    """
    facts = [learns_from, *_facts(learns_from, path, look)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_DIGITS]


def _facts(learns_from: Learned, path: str, look: str) -> Iterator[Any]:
    if path == SHAPES_PATH:
        yield path
    elif path == "samples":
        yield from _listing(None, sample_photos("train"))
        if learns_from == "pairs":
            lut = Path(look).expanduser()
            yield file_sha256(lut) if lut.is_file() else look
    else:
        yield from _facts_of_folder(learns_from, open_path(path), look)


def _facts_of_folder(learns_from: Learned, root: AnyPath, look: str) -> Iterator[Any]:
    if is_prepared(root):
        manifest = read_shard_manifest(root)
        yield manifest.look
        yield [shard.sha256 for shard in manifest.splits.get("train", ())]
    elif learns_from == "pairs" or any((root / split / "input").is_dir() for split in SPLITS):
        yield look
        sides = [subfolder(root, "train", side) for side in ("input", look)]
        photos = [photos_by_name(side) for side in sides]
        for side, found in zip(sides, photos, strict=True):
            yield from _listing(side, [found[name] for name in photos[0].keys() & photos[1].keys()])
    else:
        yield from _listing(root, split_images(root)["train"].values())


def _listing(root: AnyPath | None, files: Iterable[AnyPath]) -> Iterator[list[Any]]:
    """Yield name and size of each file, sorted, and samples of evenly spaced ones.

    Names are relative to `root` where it is given.
    """
    by_name = {_name(root, file): file for file in files}
    names = sorted(by_name)
    sizes = file_sizes(root, [by_name[name] for name in names])
    for place, (name, size) in enumerate(zip(names, sizes, strict=True)):
        is_sampled = place % -(-len(names) // _SAMPLED_FILES) == 0
        yield [name, size, *([_sample(by_name[name], size)] if is_sampled else ())]


def _name(root: AnyPath | None, file: AnyPath) -> str:
    name = os.fspath(file.relative_to(root)) if root else file.name
    return normal_name(name)


def _sample(file: AnyPath, size: int) -> str:
    with file.open("rb") as opened:
        opened.seek(size // 2)
        return hashlib.sha256(opened.read(_SAMPLED_BYTES)).hexdigest()
