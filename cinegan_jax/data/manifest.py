"""The manifest of a prepared folder: what its shards hold and how they were made."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, write_whole

FORMAT = 1
SEED_RULE = "a rendered look's grain is seeded by film.photo_seed(name)"
FILE = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One ArrayRecord file: its examples' names in order, and the sizes [h, w] that occur in it."""

    file: str
    bytes: int
    sha256: str
    names: Sequence[str]
    shapes: Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A prepared folder.

    Attributes:
      look: the name of the look, or the file name of a LUT; empty of pictures.
      resize: one of `RESIZES`.
      size: pixels of the short side (`crop`) or of both sides.
      plan: a hash of the photos and settings it was made from.
      splits: the shards of `train` and of `test`.
      kind: what it holds, `pairs` or `pictures`.
    """

    look: str
    resize: str
    size: int
    plan: str
    splits: Mapping[str, Sequence[Shard]]
    kind: str = "pairs"

    def count(self, split: str) -> int:
        """The number of examples in a split."""
        return sum(len(shard.names) for shard in self.splits[split])

    def write(self, root: Path) -> None:
        """Writes `manifest.json` into `root`, in one step."""
        counts = {split: self.count(split) for split in self.splits}
        facts = {"format": FORMAT, self.kind: counts, "seed_rule": SEED_RULE}
        content = facts | dataclasses.asdict(self)
        write_whole(root / FILE, json.dumps(content, indent=1))

    def shards(self, root: AnyPath, split: str) -> Sequence[Shard]:
        """The shards of a split of this manifest's folder.

        Raises:
          UserError: there is no such split, or it is empty.
        """
        if split not in self.splits:
            raise UserError(f"no split {split!r} in {root}; it holds {', '.join(self.splits)}")
        if not self.count(split):
            raise UserError(f"the split {split!r} of {root} is empty: prepare more photos")
        return self.splits[split]

    def check_shards(self, root: Path, split: str) -> Sequence[Shard]:
        """The shards of a split, after a look at their lengths.

        Raises:
          UserError: there is no such split, it is empty, or a shard is missing or cut short.
        """
        for shard in self.shards(root, split):
            path = root / shard.file
            found = path.stat().st_size if path.exists() else 0
            if found != shard.bytes:
                raise UserError(
                    f"{path} has {found} bytes, its manifest says {shard.bytes}: "
                    "copy it again, or prepare the photos again into an empty folder"
                )
        return self.splits[split]


def is_prepared(root: AnyPath) -> bool:
    """Whether `root` holds a manifest."""
    return (root / FILE).is_file()


def read(root: AnyPath) -> Manifest:
    """Reads the manifest of a prepared folder.

    Raises:
      UserError: it is damaged or of another format version.
    """
    try:
        content = json.loads((root / FILE).read_text())
        if content["format"] != FORMAT:
            raise UserError(
                f"{root / FILE} has format {content['format']}, this version reads {FORMAT}: "
                "prepare the photos again"
            )
        splits = {
            split: [Shard(**shard) for shard in shards]
            for split, shards in content["splits"].items()
        }
        settings = {key: content[key] for key in ("look", "resize", "size", "plan")}
        kind = content.get("kind", "pairs")  # which older manifests do not say
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{root / FILE} is damaged ({error!r}): prepare the photos again"
        ) from error
    return Manifest(splits=splits, kind=kind, **settings)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
