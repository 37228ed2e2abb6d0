"""The codec of one example in a shard: a msgpack header, then the raw bytes of its pictures.

The pictures stand outside msgpack so that a reader gets views of them instead of copies.
"""

import math
import struct
from typing import Any

import msgpack
import numpy as np

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
