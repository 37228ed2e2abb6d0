"""Records of prepared shards: their format, and random access to one split.

A record is a msgpack header followed by the raw bytes of its images. They are not part of the
header, so that a reader gets views instead of copies.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, is_remote
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.shard_cache import CACHE, fetch_shards

_IMAGES = ("input", "target", "clean")
_HEADER_KEY = "pictures"
"""Key in the header for the names of the images; kept, so that older shards stay readable."""
_PREFIX = struct.Struct("<4sI")
_AGAIN = "restore the files, or prepare the photos again into an empty folder"
_MAGIC = b"pair"  # also in records of single images


class Shards:
    """Records of one split; for a folder in a bucket, of its local copy.

    Args:
      root: the prepared folder.
      manifest: its manifest.
      split: `train` or `test`.
      cache: local folder for copies of shards in buckets.

    Raises:
      UserError: the split does not exist or is empty, or a shard is missing, damaged, or has
        another length or number of records than in the manifest.
    """

    def __init__(self, root: AnyPath, manifest: Manifest, split: str, cache: str = CACHE):
        shards = manifest.shards(root, split)
        local = fetch_shards(root, shards, cache) if is_remote(root) else Path(root)
        manifest.check_shards(local, split)
        self.names: Sequence[str] = [name for shard in shards for name in shard.names]
        self._files = [shard.file for shard in shards for _ in shard.names]
        try:
            self._records = ArrayRecordDataSource([str(local / shard.file) for shard in shards])
            found = len(self._records)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"a shard of {root} is damaged ({error}): {_AGAIN}") from error
        if found != len(self.names):
            raise UserError(
                f"the shards of {root} have {found} records, but its manifest names "
                f"{len(self.names)}: {_AGAIN}"
            )

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return name and images of a record (see `decode_record`); may raise BrokenExample."""
        try:
            return decode_record(self._records[index])
        except (ValueError, RuntimeError) as error:
            raise BrokenExample(self.names[index], f"{self._files[index]}: {error}") from error


def encode_record(name: str, **images: np.ndarray | None) -> bytes:
    """Encode one pair or one image as bytes.

    Args:
      name: unique within its split.
      **images: `input`, `target` and optionally `clean`, or `target` alone; uint8 of one shape
        [h, w, 3].

    Raises:
      ValueError: the images differ in shape or are not uint8.
    """
    present = {key: image for key in _IMAGES if (image := images.get(key)) is not None}
    shape = next(iter(present.values())).shape
    for key, image in present.items():
        if image.dtype != np.uint8 or image.shape != shape:
            raise ValueError(f"{name}: {key} is {image.dtype} {image.shape}, not uint8 {shape}")
    header = msgpack.packb({"name": name, "shape": shape, _HEADER_KEY: list(present)})
    parts = [_PREFIX.pack(_MAGIC, len(header)), header]
    return b"".join([*parts, *(image.tobytes() for image in present.values())])


def decode_record(record: bytes) -> dict[str, Any]:
    """Return the arguments of `encode_record`; the images are read-only views of `record`.

    Raises:
      ValueError: `record` is truncated or was not written by `encode_record`.
    """
    try:
        magic, header_length = _PREFIX.unpack_from(record)
        start = _PREFIX.size + header_length
        header = msgpack.unpackb(record[_PREFIX.size : start])
        name, shape, keys = header["name"], tuple(header["shape"]), header[_HEADER_KEY]
        expected = start + len(keys) * math.prod(shape)
    except (struct.error, msgpack.UnpackException, ValueError, TypeError, KeyError) as error:
        raise ValueError("not a whole record") from error
    if magic != _MAGIC or len(record) != expected:
        raise ValueError("not a whole record")
    pixels = np.frombuffer(record, np.uint8, offset=start).reshape(-1, *shape)
    return {"name": name, **dict(zip(keys, pixels, strict=True))}
