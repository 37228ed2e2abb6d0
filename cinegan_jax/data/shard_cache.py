"""Local copies of shards in a bucket, since ArrayRecord reads local files only.

A split is copied when it is opened. Every host copies all of its shards, because the shuffle spans
all of them. A copy is renamed to its final name once its SHA-256 equals that of the manifest, so an
interrupted start continues with the missing shards.
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
"""Default folder for local copies."""
COPY_THREADS = 8
"""Number of shards copied at once."""

_BLOCK_BYTES = 2**20
_REPORT_SECONDS = 10


def fetch_shards(root: AnyPath, shards: Sequence[Shard], cache: str = CACHE) -> Path:
    """Copy the shards of a split to this machine, except those that are already there.

    Args:
      root: the prepared folder in a bucket.
      shards: the split's shards in its manifest.
      cache: local folder for all copies. Each split has a folder in it, named by the SHA-256 of its
        shards, so a split that was prepared again is copied again.

    Returns:
      The split's local folder.

    Raises:
      UserError: the disk is full or not writable, or a shard is missing or differs from the
        manifest.
    """
    content = "".join(shard.sha256 for shard in shards)
    folder = Path(cache).expanduser() / hashlib.sha256(content.encode()).hexdigest()[:16]
    missing = [shard for shard in shards if not _is_present(folder / shard.file, shard)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if missing:
            _require_space(root, folder, sum(shard.bytes for shard in missing))
            _copy_all(root, folder, missing)
    except OSError as error:
        raise UserError(f"cannot copy shards of {root} to {folder}: {error}") from error
    return folder


def _is_present(path: Path, shard: Shard) -> bool:
    return path.exists() and path.stat().st_size == shard.bytes


def _require_space(root: AnyPath, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"the shards of {root} need {needed:,} bytes on this machine, but {folder} has "
            f"{free:,} free: free some space, or choose another folder by data.cache"
        )


def _copy_all(root: AnyPath, folder: Path, shards: Sequence[Shard]) -> None:
    total = sum(shard.bytes for shard in shards)
    print(
        f"copying {len(shards)} shards ({total / 1e9:.2f} GB) from {root} to {folder}", flush=True
    )
    reported = time.monotonic()
    pool = ThreadPoolExecutor(COPY_THREADS)
    try:
        copies = pool.map(lambda shard: _copy(root, folder, shard), shards)
        for done, _ in enumerate(copies, start=1):
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
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
        if (found := digest.hexdigest()) != shard.sha256:
            raise UserError(
                f"{root / shard.file} has SHA-256 {found}, but {shard.sha256} in its manifest: "
                "upload the prepared folder again"
            )
        draft.replace(folder / shard.file)
    finally:
        draft.unlink(missing_ok=True)
