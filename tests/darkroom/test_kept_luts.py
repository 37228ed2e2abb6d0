"""LUTs that ship with the looks, and those kept in the user's cache."""

import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.inference import look_lut, lut_store
from cinegan_jax.inference.look import LOOKS_PACKAGE, NetworkLook, installed_looks, load_look
from cinegan_jax.inference.look_lut import sample_key
from cinegan_jax.inference.lut_fit import (
    LONG_SIDE,
    SHORT_SIDE,
    make_develop,
    read_photos,
    resize_lut,
)
from cinegan_jax.inference.lut_store import (
    SHIPPED_SUFFIX,
    KeptLut,
    encode_lut,
    find_lut,
    in_steps,
    keep_lut,
)
from cinegan_jax.metrics.delta_e import delta_e_2000
from cinegan_jax.ops.lut import apply_lut


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the LUTs in an empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cinegan" / "luts"


@pytest.fixture
def lut(rng: np.random.Generator) -> KeptLut:
    return KeptLut(in_steps(rng.random((5, 5, 5, 3))), {"fitted": 3})


@pytest.mark.parametrize(
    "name", [name for name in installed_looks() if isinstance(load_look(name), NetworkLook)]
)
def test_every_trained_look_ships_its_lut(name: str, cache: Path) -> None:
    """After a change of a look, `python -m cinegan_jax.darkroom.shipped_luts` fits it again."""
    kept = find_lut(name, sample_key(load_look(name), 1.0))
    assert kept is not None, f"{name}{SHIPPED_SUFFIX} is not of the present weights"
    assert {"17", "33", "64", "65"} <= kept.report["errors"].keys()
    file = resources.files(LOOKS_PACKAGE) / f"{name}{SHIPPED_SUFFIX}"
    assert len(file.read_bytes()) < 150_000


def test_a_shipped_lut_has_the_error_that_it_reports(cache: Path) -> None:
    """Compare with the look on one of the photos that the LUT was not fitted to."""
    look = load_look("velvia")
    photos = read_photos(sample_photos("test")[:1])
    assert photos[0].shape[:2] in [(SHORT_SIDE, LONG_SIDE), (LONG_SIDE, SHORT_SIDE)]
    developed = make_develop(look)(photos[0])
    found = np.asarray(apply_lut(resize_lut(look.lut().table, 33), photos[0] / np.float32(255)))
    assert delta_e_2000(found[None], developed[None])[0] < 0.6


def test_another_strength_is_another_lut() -> None:
    look = load_look("velvia")
    assert sample_key(look, 1.0) != sample_key(look, 0.5) != sample_key(load_look("cinema"), 0.5)


def test_a_kept_lut_comes_back_exactly(cache: Path, lut: KeptLut) -> None:
    assert find_lut("velvia", "a" * 64) is None
    keep_lut("a" * 64, lut)
    found = find_lut("velvia", "a" * 64)
    assert found is not None
    np.testing.assert_array_equal(found.table, lut.table)
    assert found.report == lut.report
    assert cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_no_lut(cache: Path, lut: KeptLut, content: bytes) -> None:
    keep_lut("a" * 64, lut)
    (cache / f"{'a' * 64}.npz").write_bytes(content)
    assert find_lut("velvia", "a" * 64) is None


def test_a_file_of_another_key_is_no_lut(cache: Path, lut: KeptLut) -> None:
    keep_lut("a" * 64, lut)
    (cache / f"{'b' * 64}.npz").write_bytes(encode_lut("a" * 64, lut))
    assert find_lut("velvia", "b" * 64) is None


def test_the_cache_has_a_limit(cache: Path, lut: KeptLut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lut_store, "_MAX_FILES", 2)
    for age, key in enumerate("abc"):
        keep_lut(key, lut)
        os.utime(cache / f"{key}.npz", (1000 + age, 1000 + age))
    keep_lut("d", lut)
    assert {file.stem for file in cache.glob("*")} == {"c", "d"}


def test_without_a_home_nothing_is_kept(
    tmp_path: Path, lut: KeptLut, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_lut("a", lut)
    assert find_lut("velvia", "a") is None


def test_a_second_fit_of_a_look_needs_no_network(
    cache: Path, lut: KeptLut, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = load_look("velvia")
    keep_lut(sample_key(look, 0.25), lut)
    monkeypatch.setattr(look_lut, "make_develop", None)
    np.testing.assert_array_equal(look.lut(5, strength=0.25).table, resize_lut(lut.table, 5))
