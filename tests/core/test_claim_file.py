"""A file that one process at a time owns, on a disk and in a bucket."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from etils import epath

from cinegan_jax.core.claim_file import open_claim
from cinegan_jax.core.storage import open_path


@pytest.fixture(params=["disk", "bucket"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> epath.Path:
    if request.param == "disk":
        return epath.Path(tmp_path) / "claim.json"
    request.getfixturevalue("bucket_environment")
    return open_path(f"gs://bucket/{request.node.originalname}") / "claim.json"


def test_it_is_made_only_where_there_is_none(path: epath.Path) -> None:
    claim = open_claim(path)
    assert claim.read() is None
    assert claim.create(b"mine")
    assert not open_claim(path).create(b"yours")
    assert path.read_bytes() == b"mine"


def test_it_is_replaced_only_where_it_is_the_expected_one(path: epath.Path) -> None:
    claim = open_claim(path)
    assert not claim.replace(b"mine", b"a longer one")
    claim.create(b"mine")
    assert not claim.replace(b"yours", b"a longer one")
    assert path.read_bytes() == b"mine"
    assert claim.replace(b"mine", b"a longer one")
    assert path.read_bytes() == b"a longer one"
    assert claim.replace(b"a longer one", b"it")
    assert path.read_bytes() == b"it"


def test_a_refresh_changes_the_version_alone(path: epath.Path) -> None:
    claim = open_claim(path)
    claim.create(b"mine")
    before = claim.read()
    assert before is not None
    assert claim.refresh(b"mine")
    after = claim.read()
    assert after is not None
    assert (after.content, after.version != before.version) == (b"mine", True)
    assert not claim.refresh(b"yours")
    assert claim.read() == after


def test_a_refresh_makes_a_file_that_was_deleted(path: epath.Path) -> None:
    claim = open_claim(path)
    claim.create(b"mine")
    path.unlink()
    assert claim.refresh(b"mine")
    assert path.read_bytes() == b"mine"


def test_only_the_owner_removes_it(path: epath.Path) -> None:
    claim = open_claim(path)
    claim.remove(b"mine")  # none there
    claim.create(b"mine")
    claim.remove(b"yours")
    assert path.read_bytes() == b"mine"
    claim.remove(b"mine")
    assert not path.exists()


def test_of_many_at_once_one_takes_it_over(path: epath.Path) -> None:
    open_claim(path).create(b"stale")
    together = threading.Barrier(8)

    def take(number: int) -> bool:
        claim = open_claim(path)
        together.wait()
        return claim.replace(b"stale", b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))
    assert sum(taken) == 1
    assert path.read_bytes() == b"%d" % taken.index(True)
