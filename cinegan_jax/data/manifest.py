"""The manifest of a prepared folder: the contents of its shards, and how they were made."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import read_json_object
from cinegan_jax.core.renamed import current_name
from cinegan_jax.core.storage import AnyPath, write_whole

MANIFEST_FILE = "manifest.json"
MANIFEST_FORMAT = 1
SEED_RULE = "a rendered look's grain is seeded by film.photo_seed(name)"
"""Recorded in each manifest, so that targets can be rendered again."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One ArrayRecord file.

    Attributes:
      file: its name.
      bytes: its length.
      sha256: its checksum, in hexadecimal.
      names: names of its examples, in order.
      shapes: image sizes [h, w] that occur in it.
    """

    file: str
    bytes: int
    sha256: str
    names: Sequence[str]
    shapes: Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Contents of a prepared folder.

    Attributes:
      look: name of the look, or file name of a LUT; empty for single images.
      resize: one of `RESIZES`.
      size: pixels of the short side (`crop`) or of both sides.
      plan: hash of the photos and settings the folder was made from.
      splits: shards of `train` and `test`.
      kind: kind of the examples, `pairs` or `images`.
    """

    look: str
    resize: str
    size: int
    plan: str
    splits: Mapping[str, Sequence[Shard]]
    kind: str = "pairs"

    def count(self, split: str) -> int:
        """Return the number of examples in a split."""
        return sum(len(shard.names) for shard in self.splits[split])

    def shards(self, root: AnyPath, split: str) -> Sequence[Shard]:
        """Return the shards of a split; `root` is the folder, for messages.

        Raises:
          UserError: the split does not exist or is empty.
        """
        if split not in self.splits:
            raise UserError(f"no split {split!r} in {root}; it holds {', '.join(self.splits)}")
        if not self.count(split):
            raise UserError(f"the split {split!r} of {root} is empty: prepare more photos")
        return self.splits[split]

    def check_shards(self, root: Path, split: str) -> Sequence[Shard]:
        """Return the shards of a split in the folder `root`, after checking their lengths.

        Raises:
          UserError: the split does not exist or is empty, or a shard is missing or has another
            length.
        """
        for shard in self.shards(root, split):
            path = root / shard.file
            found = path.stat().st_size if path.exists() else 0
            if found != shard.bytes:
                raise UserError(
                    f"{path} has {found} bytes, but {shard.bytes} in its manifest: "
                    "restore the file, or prepare the photos again into an empty folder"
                )
        return self.splits[split]


def is_prepared(root: AnyPath) -> bool:
    """Return True if the folder `root` holds a manifest."""
    return (root / MANIFEST_FILE).is_file()


def write_shard_manifest(manifest: Manifest, root: Path) -> None:
    """Write `manifest.json` into the folder `root`, atomically."""
    counts = {split: manifest.count(split) for split in manifest.splits}
    facts = {"format": MANIFEST_FORMAT, manifest.kind: counts, "seed_rule": SEED_RULE}
    content = facts | dataclasses.asdict(manifest)
    write_whole(root / MANIFEST_FILE, json.dumps(content, indent=1))


def read_shard_manifest(root: AnyPath) -> Manifest:
    """Read the manifest of a prepared folder, also those of versions before 0.2.

    Raises:
      UserError: the manifest is damaged or of another format version.
    """
    path = root / MANIFEST_FILE
    try:
        content = read_json_object(path, "prepare the photos again")
        if content["format"] != MANIFEST_FORMAT:
            raise UserError(
                f"{path} has format {content['format']}, but this version reads "
                f"{MANIFEST_FORMAT}: prepare the photos again"
            )
        splits = {
            split: [_read_shard(shard) for shard in shards]
            for split, shards in content["splits"].items()
        }
        settings = {key: _typed(content, key, kind) for key, kind in _SETTINGS.items()}
        kind = current_name(content.get("kind", "pairs"))  # the first manifests have no kind
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error!r}): prepare the photos again") from error
    return Manifest(splits=splits, kind=kind, **settings)


_SETTINGS: Mapping[str, type] = {"look": str, "resize": str, "size": int, "plan": str}
_SHARD: Mapping[str, type] = {
    "file": str,
    "bytes": int,
    "sha256": str,
    "names": list,
    "shapes": list,
}


def _read_shard(content: Mapping[str, Any]) -> Shard:
    """Return a shard, whose file must be in the manifest's own folder."""
    shard = Shard(**{key: _typed(content, key, kind) for key, kind in _SHARD.items()})
    if PurePath(shard.file).name != shard.file or shard.bytes < 0:
        raise ValueError(f"{shard.file!r:.60} of {shard.bytes} bytes is no shard")
    if not all(isinstance(name, str) for name in shard.names):
        raise ValueError(f"names of {shard.file!r:.60} are no texts")
    if not all(isinstance(shape, list) and len(shape) == 2 for shape in shard.shapes):
        raise ValueError(f"shapes of {shard.file!r:.60} are not [h, w]")
    return shard


def _typed(content: Mapping[str, Any], key: str, kind: type) -> Any:
    if type(content[key]) is not kind:
        raise ValueError(f"{key} is {content[key]!r:.60}")
    return content[key]
