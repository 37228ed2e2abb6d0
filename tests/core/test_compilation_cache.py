"""Programs are compiled once per workdir or user, however often a process starts."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
import runs
from jax.experimental.compilation_cache import compilation_cache

from cinegan_jax.core.compilation_cache import (
    RUN_BYTES,
    USER_BYTES,
    keep_compilations,
    keep_compilations_for_user,
)
from cinegan_jax.core.user_cache import user_cache
from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_compilation_cache_max_size",
    "jax_persistent_cache_enable_xla_caches",
    "jax_persistent_cache_min_compile_time_secs",
)


@pytest.fixture(autouse=True)
def no_cache() -> Iterator[None]:
    """Start without a cache, as for a user; short compilations are cached too."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def events() -> Iterator[Counter[str]]:
    """Count requests, hits and misses of the cache."""
    counter: Counter[str] = Counter()

    def count(event: str, **_: Any) -> None:
        counter[event.rpartition("/")[2]] += 1

    jax.monitoring.register_event_listener(count)
    yield counter
    jax.monitoring.unregister_event_listener(count)


def start(workdir: Path, settings: dict[str, Any]) -> None:
    """Run once with no program in memory."""
    jax.clear_caches()
    assert run_training(Run(runs.config_of(settings)), workdir) == 0


def programs(workdir: Path) -> set[str]:
    """Return the programs in the cache of a workdir."""
    return {path.name for path in (workdir / "compilation_cache").glob("*-cache")}


@pytest.mark.parametrize("parallelism", ["pmap", "pjit"])
def test_a_run_that_starts_again_compiles_nothing(
    parallelism: str, tmp_path: Path, small_pairs: dict[str, Any], events: Counter[str]
) -> None:
    settings = {**runs.TOY, **small_pairs, "parallelism": parallelism}
    start(tmp_path, {**settings, "num_steps": 2})
    first = programs(tmp_path)
    assert events["cache_misses"] == len(first) > 5
    events.clear()
    start(tmp_path, {**settings, "num_steps": 4})
    second = programs(tmp_path)
    assert events["cache_hits"] >= len(first) - 1  # pjit places a restored state in another way
    assert events["cache_misses"] == len(second - first) < 5
    events.clear()
    start(tmp_path, {**settings, "num_steps": 6})
    assert events["compile_requests_use_cache"] == events["cache_hits"] > 5
    assert programs(tmp_path) == second


def test_a_cache_that_the_user_set_is_kept(tmp_path: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
    keep_compilations(tmp_path / "run")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "own")
    assert jax.config.jax_compilation_cache_max_size == -1


def test_a_partly_written_program_is_compiled_and_cached_again(
    tmp_path: Path, events: Counter[str]
) -> None:
    keep_compilations(tmp_path)
    assert jax.config.jax_compilation_cache_max_size == RUN_BYTES
    jax.jit(lambda x: x * 3 + 1)(2.0)
    (kept,) = [p for p in (tmp_path / "compilation_cache").glob("*-cache") if "lambda" in p.name]
    whole = kept.stat().st_size
    kept.write_bytes(kept.read_bytes()[:100])
    kept.with_name(kept.name.replace("-cache", "-atime")).unlink()

    jax.clear_caches()
    jax.config.update("jax_compilation_cache_dir", None)
    keep_compilations(tmp_path)
    events.clear()
    jax.jit(lambda x: x * 3 + 1)(2.0)
    assert events["cache_misses"] == 1
    assert kept.stat().st_size > whole / 2


def test_a_bucket_holds_the_cache_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_compilations("gs://bucket/run")
    assert jax.config.jax_compilation_cache_dir == "gs://bucket/run/compilation_cache"
    assert jax.config.jax_compilation_cache_max_size == -1
    assert jax.config.jax_persistent_cache_enable_xla_caches == "none"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path


def test_short_compilations_of_commands_are_cached_for_the_next_one(
    home: Path, events: Counter[str]
) -> None:
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 3600.0)
    keep_compilations_for_user()
    assert jax.config.jax_compilation_cache_max_size == USER_BYTES
    jax.jit(lambda x: x * 5 + 1)(2.0)
    folder = home / ".cache" / "cinegan" / "compilations"
    assert [p for p in folder.glob("*-cache") if "lambda" in p.name]
    assert folder.stat().st_mode & 0o077 == 0
    jax.clear_caches()
    events.clear()
    jax.jit(lambda x: x * 5 + 1)(2.0)
    assert events["cache_hits"] == events["compile_requests_use_cache"] > 0


def test_the_user_can_move_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "elsewhere"))
    assert user_cache("compilations") == home / "elsewhere" / "cinegan" / "compilations"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert user_cache("compilations") == home / ".cache" / "cinegan" / "compilations"
    jax.config.update("jax_compilation_cache_dir", str(home / "own"))
    keep_compilations_for_user()
    assert jax.config.jax_compilation_cache_dir == str(home / "own")


def test_without_a_writable_folder_nothing_is_cached(home: Path) -> None:
    (home / ".cache").write_text("a file where the folder should be")
    keep_compilations_for_user()
    assert jax.config.jax_compilation_cache_dir is None
