"""Broken manifests and shards: a UserError that names the file."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.manifest import Manifest, Shard, read_shard_manifest, write_shard_manifest
from cinegan_jax.data.shards import Shards, encode_record

FILE = "train-00000.arrayrecord"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    writer = ArrayRecordWriter(str(tmp_path / FILE), "group_size:1,uncompressed")
    for name in "ab":
        writer.write(encode_record(name, target=np.zeros((4, 4, 3), np.uint8)))
    writer.close()
    size = (tmp_path / FILE).stat().st_size
    shard = Shard(FILE, size, "0" * 64, ["a", "b"], [(4, 4)])
    write_shard_manifest(
        Manifest("", "crop", 4, "plan", {"train": [shard], "test": []}, "images"), tmp_path
    )
    return tmp_path


def change(root: Path, **values: Any) -> None:
    path = root / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("value", [None, -1, 2**70, 1e400, [], {}, True])
@pytest.mark.parametrize("key", ["look", "resize", "plan", "splits", "format"])
def test_values_of_another_type(root: Path, key: str, value: Any) -> None:
    if key == "splits" and value == {}:
        pytest.skip("a folder without splits")
    if key == "format" and value is True:
        pytest.skip("True is 1 in Python")
    change(root, **{key: value})
    with pytest.raises(UserError, match=r"manifest\.json (is damaged|has format)"):
        read_shard_manifest(root)


@pytest.mark.parametrize(
    "values",
    [
        {"file": "../../secret"},
        {"file": "/etc/passwd"},
        {"file": 7},
        {"bytes": -1},
        {"bytes": "many"},
        {"bytes": 1e400},
        {"names": "ab"},
        {"names": [1, 2]},
        {"shapes": [4, 4]},
        {"sha256": None},
    ],
    ids=str,
)
def test_shards_of_another_type(root: Path, values: dict[str, Any]) -> None:
    manifest = read_shard_manifest(root)
    shard = dataclasses.asdict(manifest.splits["train"][0]) | values
    change(root, splits={"train": [shard]})
    with pytest.raises(UserError, match=r"manifest\.json is damaged"):
        read_shard_manifest(root)


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]], ids=["fewer", "more"])
def test_another_number_of_records(root: Path, names: list[str]) -> None:
    shard = dataclasses.replace(read_shard_manifest(root).splits["train"][0], names=names)
    change(root, splits={"train": [dataclasses.asdict(shard)]})
    with pytest.raises(UserError, match=f"2 records, but its manifest names {len(names)}"):
        Shards(root, read_shard_manifest(root), "train")


def test_a_shard_of_something_else(root: Path) -> None:
    size = (root / FILE).stat().st_size
    (root / FILE).write_bytes(np.random.default_rng(0).bytes(size))
    with pytest.raises(UserError, match="shard"):
        Shards(root, read_shard_manifest(root), "train")
