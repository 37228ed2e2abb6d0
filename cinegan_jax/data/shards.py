"""Shards of a prepared folder: manifest, record format and reader.

A record is a msgpack header followed by the raw bytes of its images, which stand outside msgpack so
that a reader gets views instead of copies.
"""

import dataclasses
import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, is_remote, write_whole
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.shard_cache import CACHE, fetch_shards

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


_PICTURES = ("input", "target", "clean")
_PREFIX = struct.Struct("<4sI")
_MAGIC = b"pair"  # of single pictures too


def encode_record(name: str, **pictures: np.ndarray | None) -> bytes:
    """One pair, or one picture, as bytes.

    Args:
      name: unique within its split.
      **pictures: `input`, `target` and maybe `clean`, or `target` alone; uint8 of one shape
        [h, w, 3].

    Raises:
      ValueError: the pictures differ in shape or are not uint8.
    """
    present = {key: picture for key in _PICTURES if (picture := pictures.get(key)) is not None}
    shape = next(iter(present.values())).shape
    for key, picture in present.items():
        if picture.dtype != np.uint8 or picture.shape != shape:
            raise ValueError(f"{name}: {key} is {picture.dtype} {picture.shape}, not uint8 {shape}")
    header = msgpack.packb({"name": name, "shape": shape, "pictures": list(present)})
    parts = [_PREFIX.pack(_MAGIC, len(header)), header]
    return b"".join([*parts, *(picture.tobytes() for picture in present.values())])


def decode_record(record: bytes) -> dict[str, Any]:
    """The arguments of `encode_record`; the pictures are read-only views of `record`.

    Raises:
      ValueError: `record` is truncated or was not written by `encode_record`.
    """
    try:
        magic, header_length = _PREFIX.unpack_from(record)
        start = _PREFIX.size + header_length
        header = msgpack.unpackb(record[_PREFIX.size : start])
        name, shape, keys = header["name"], tuple(header["shape"]), header["pictures"]
        expected = start + len(keys) * math.prod(shape)
    except (struct.error, msgpack.UnpackException, ValueError, TypeError, KeyError) as error:
        raise ValueError("not a whole record") from error
    if magic != _MAGIC or len(record) != expected:
        raise ValueError("not a whole record")
    pixels = np.frombuffer(record, np.uint8, offset=start).reshape(-1, *shape)
    return {"name": name, **dict(zip(keys, pixels, strict=True))}


class Shards:
    """The records of one split; of a folder in a bucket, those of its local copies.

    Raises:
      UserError: the folder has no such split, or a shard is missing or not as long as the manifest
        says.
    """

    def __init__(self, root: AnyPath, manifest: Manifest, split: str, cache: str = CACHE):
        shards = manifest.shards(root, split)
        local = fetch_shards(root, shards, cache) if is_remote(root) else Path(root)
        manifest.check_shards(local, split)
        self.names: Sequence[str] = [name for shard in shards for name in shard.names]
        self._files = [shard.file for shard in shards for _ in shard.names]
        self._records = ArrayRecordDataSource([str(local / shard.file) for shard in shards])

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The name and the pictures of a record (see `decode_record`); raises BrokenExample."""
        try:
            return decode_record(self._records[index])
        except (ValueError, RuntimeError) as error:
            raise BrokenExample(self.names[index], f"{self._files[index]}: {error}") from error
