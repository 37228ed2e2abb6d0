"""Copies of shards on this machine; a local folder stands in for the bucket."""

import hashlib
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.manifest import Shard
from cinegan_jax.data.shard_cache import fetch_shards


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> tuple[epath.Path, list[Shard]]:
    """Twelve files of noise and what a manifest says of them."""
    root = epath.Path(tmp_path / "bucket")
    root.mkdir()
    shards = []
    for number in range(12):
        content = rng.bytes(1000 + number)
        (root / f"{number}.arrayrecord").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        shards.append(Shard(f"{number}.arrayrecord", len(content), digest, ["name"], [(1, 1)]))
    return root, shards


def contents(folder: Path | epath.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_are_copied_once(folder: tuple[epath.Path, list[Shard]], tmp_path: Path) -> None:
    root, shards = folder
    expected = contents(root)
    local = fetch_shards(root, shards, str(tmp_path / "cache"))
    assert contents(local) == expected
    root.rmtree()
    assert fetch_shards(root, shards, str(tmp_path / "cache")) == local


def test_a_copy_cut_short_goes_on(folder: tuple[epath.Path, list[Shard]], tmp_path: Path) -> None:
    root, shards = folder
    aside = root / shards[5].file
    aside.rename(root / "aside")
    with pytest.raises(UserError, match=f"cannot copy shards of .*{aside.name}"):
        fetch_shards(root, shards, str(tmp_path / "cache"))
    (root / "aside").rename(aside)
    expected = contents(root)
    (copies,) = (tmp_path / "cache").iterdir()
    kept = contents(copies)
    assert kept.items() < expected.items()
    for name in kept:
        (root / name).unlink()
    assert contents(fetch_shards(root, shards, str(tmp_path / "cache"))) == expected


def test_shards_prepared_anew_are_copied_anew(
    folder: tuple[epath.Path, list[Shard]], tmp_path: Path
) -> None:
    root, shards = folder
    one = fetch_shards(root, shards[:3], str(tmp_path))
    other = fetch_shards(root, shards[3:6], str(tmp_path))
    assert one != other
    assert set(contents(other)) == {shard.file for shard in shards[3:6]}


def test_a_copy_of_another_length_is_replaced(
    folder: tuple[epath.Path, list[Shard]], tmp_path: Path
) -> None:
    root, shards = folder
    local = fetch_shards(root, shards, str(tmp_path / "cache"))
    (local / shards[2].file).write_bytes(b"harmed")
    fetch_shards(root, shards, str(tmp_path / "cache"))
    assert contents(local) == contents(root)


def test_a_shard_that_differs_from_its_manifest_is_named(
    folder: tuple[epath.Path, list[Shard]], tmp_path: Path
) -> None:
    root, shards = folder
    harmed = root / shards[7].file
    harmed.write_bytes(harmed.read_bytes()[::-1])
    with pytest.raises(UserError, match=f"{harmed} has SHA-256 .* in its manifest"):
        fetch_shards(root, shards, str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob(f"*{harmed.name}*"))


def test_a_disk_too_small_is_reported_beforehand(
    folder: tuple[epath.Path, list[Shard]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 12065, 12065))
    root, shards = folder
    assert sum(shard.bytes for shard in shards) == 12066
    with pytest.raises(UserError, match=r"need 12,066 bytes .* 12,065 free.* data\.cache"):
        fetch_shards(root, shards, str(tmp_path / "cache"))
