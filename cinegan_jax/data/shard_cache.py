"""Shards in a bucket, copied to this machine: ArrayRecord reads local files only.

A split is copied when it is opened. Every host copies all of its shards, since the shuffle runs
over all of them. A copy gets its name when its SHA-256 is that of the manifest, so a start that was
cut short goes on with the shards that are missing.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath
from cinegan_jax.data.manifest import Shard

CACHE = "~/.cache/cinegan"
THREADS = 8
"""Shards copied at once."""

_BLOCK_BYTES = 2**20
_TELL_SECONDS = 10


def fetch_shards(root: AnyPath, shards: Sequence[Shard], cache: str = CACHE) -> Path:
    """Copies the shards of a split to this machine, as far as they are not there yet.

    Args:
      root: the prepared folder in a bucket.
      shards: what its manifest says of the split.
      cache: the local folder for all such copies. A split has a folder in it that is named by the
        shards' SHA-256, so what is prepared anew is copied anew.

    Returns:
      The split's local folder.

    Raises:
      UserError: there is no room or no right to write, or a shard is missing or differs from the
        manifest.
    """
    content = "".join(shard.sha256 for shard in shards)
    folder = Path(cache).expanduser() / hashlib.sha256(content.encode()).hexdigest()[:16]
    missing = [shard for shard in shards if not _is_there(folder / shard.file, shard)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if missing:
            _require_room(root, folder, sum(shard.bytes for shard in missing))
            _copy_all(root, folder, missing)
    except OSError as error:
        raise UserError(f"cannot copy shards of {root} to {folder}: {error}") from error
    return folder


def _is_there(path: Path, shard: Shard) -> bool:
    return path.exists() and path.stat().st_size == shard.bytes


def _require_room(root: AnyPath, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"the shards of {root} need {needed:,} bytes on this machine, and {folder} has "
            f"{free:,} left: free some space, or name another folder by data.cache"
        )


def _copy_all(root: AnyPath, folder: Path, shards: Sequence[Shard]) -> None:
    total = sum(shard.bytes for shard in shards)
    print(
        f"copying {len(shards)} shards ({total / 1e9:.2f} GB) from {root} to {folder}", flush=True
    )
    told = time.monotonic()
    pool = ThreadPoolExecutor(THREADS)
    try:
        copies = pool.map(lambda shard: _copy(root, folder, shard), shards)
        for done, _ in enumerate(copies, start=1):
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                print(f"copied {done} of {len(shards)} shards", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _copy(root: AnyPath, folder: Path, shard: Shard) -> None:
    draft = folder / f".{shard.file}.{os.getpid()}.tmp"
    digest = hashlib.sha256()
    try:
        with (root / shard.file).open("rb") as source, draft.open("wb") as target:
            while block := source.read(_BLOCK_BYTES):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != shard.sha256:
            raise UserError(
                f"{root / shard.file} differs from its manifest: copy it to the bucket again"
            )
        draft.replace(folder / shard.file)
    finally:
        draft.unlink(missing_ok=True)
