"""Shards of a prepared folder: the format of a record, and the reader.

A record is a msgpack header followed by the raw bytes of its images, which stand outside msgpack so
that a reader gets views instead of copies.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from cinegan_jax.core.storage import AnyPath, is_remote
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.shard_cache import CACHE, fetch_shards

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
