"""Local paths and paths in buckets."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import runs
from etils import epath

from cinegan_jax.core import storage
from cinegan_jax.core.errors import UserError


def test_a_local_path_is_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(storage.open_path("a/b")) == "a/b"
    assert str(storage.absolute("a/b")) == str(tmp_path / "a/b")
    assert str(storage.absolute("gs://a/b")) == "gs://a/b"


@pytest.mark.parametrize("address", ["s3://bucket/run", "https://host/run", "gs:/bucket/run"])
def test_other_storage_is_refused(address: str) -> None:
    with pytest.raises(UserError, match=f"{address}: .* local path or gs://"):
        storage.open_path(address)


@pytest.mark.parametrize("missing", ["gcsfs", "google.cloud.storage"])
def test_a_missing_package_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    with pytest.raises(
        UserError, match=rf"gs://bucket/run needs .*{missing}.*pip install '\.\[gcs\]'"
    ):
        storage.open_path("gs://bucket/run")


def test_files_of_another_program_are_found(bucket: epath.Path) -> None:
    """TensorStore writes without gcsfs, whose cached listings must not hide its files."""
    import gcsfs

    (bucket / "a").write_text("1")
    assert [path.name for path in bucket.iterdir()] == ["a"]
    other = gcsfs.GCSFileSystem(skip_instance_cache=True)
    other.pipe_file(str(bucket / "b"), b"2")
    assert sorted(path.name for path in bucket.iterdir()) == ["a", "b"]


def test_making_a_folder_in_a_bucket_leaves_no_object(bucket: epath.Path) -> None:
    storage.make_folder(bucket / "run")
    assert not bucket.exists()


def test_a_missing_bucket_is_not_made(bucket: epath.Path) -> None:
    missing = storage.open_path("gs://nowhere/run")
    with pytest.raises(UserError, match="no bucket gs://nowhere"):
        storage.make_folder(missing)
    assert not epath.Path("gs://nowhere").exists()


def test_a_lost_network_is_not_reported_as_a_user_error(
    bucket: epath.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ConnectionError("down")

    monkeypatch.setattr(type(bucket), "write_text", fail)
    with pytest.raises(ConnectionError):
        storage.make_folder(bucket)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"{tmp_path}/file/run cannot be made"):
        storage.make_folder(epath.Path(tmp_path / "file" / "run"))


@pytest.mark.parametrize("place", ["disk", "bucket"])
def test_atomic_writes_and_local_copies(place: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue("bucket" if place == "bucket" else "tmp_path")
    path = epath.Path(folder / "a.txt")
    storage.write_whole(path, "one")
    storage.write_whole(path, "two")
    with storage.local_copy(path) as copy:
        assert copy.read_text() == "two"
    assert copy.exists() == (place == "disk")
    assert [p.name for p in folder.iterdir()] == ["a.txt"]


def test_a_local_run_needs_no_cloud(tmp_path: Path, small_pairs: dict[str, str]) -> None:
    flags = runs.flags_of(tmp_path / "run", {**runs.TOY, **small_pairs, "num_steps": 2})
    program = f"""
import sys
sys.modules |= {{"gcsfs": None, "google.cloud.storage": None}}  # as if they were not installed
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import runs
sys.argv = ["main", *{flags!r}]
runs.app.run(runs.main.main, flags_parser=runs.main.parse_flags)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
