"""Reads the shards of a folder that `cinegan prepare` made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from array_record.python.array_record_data_source import ArrayRecordDataSource

from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.data.records import decode_record
from cinegan_jax.data.shard_cache import CACHE, fetch_shards
from cinegan_jax.storage import AnyPath, is_remote


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
