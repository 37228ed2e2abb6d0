"""Compiled programs are kept on disk, so that a process that starts again does not compile."""

import os
from pathlib import Path

import jax

from cinegan_jax.core.storage import is_remote

FOLDER = "compilation_cache"
"""Of a run's programs, in its workdir."""
RUN_BYTES = 2 * 2**30
"""Of a run's local cache; what was used longest ago is deleted first."""
USER_BYTES = 2**28
"""Of the user's cache."""


def keep_compilations(workdir: os.PathLike[str]) -> None:
    """Makes processes look programs up in `WORKDIR/compilation_cache`, and the first one add to it.

    A cache that is already set, by JAX_COMPILATION_CACHE_DIR say, is left as it is;
    JAX_ENABLE_COMPILATION_CACHE=0 keeps none. Only programs that took a second or more to compile
    are kept (JAX's default). In a bucket the cache has no bound: JAX's needs locks on files.
    """
    if _is_set():
        return
    folder = os.path.join(workdir, FOLDER)
    if is_remote(folder):
        jax.config.update("jax_compilation_cache_dir", folder)
        # XLA writes this cache of GPU kernels itself, and only to local folders.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
        return
    _use(Path(folder), RUN_BYTES)
    if jax.process_index() == 0:
        _drop_unfinished(Path(folder))


def keep_compilations_for_user() -> None:
    """Keeps programs in `~/.cache/cinegan/compilations`, for commands that are started often.

    Every program is kept, however short its compilation was. XDG_CACHE_HOME moves the folder. As in
    `keep_compilations`, a cache that is already set is left as it is. Where the folder cannot be
    written, as in a read-only home, there is no cache.
    """
    if _is_set():
        return
    try:
        folder = user_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # programs in it are trusted
        _drop_unfinished(folder)
    except (OSError, RuntimeError):  # RuntimeError: no home
        return
    if os.access(folder, os.W_OK):
        _use(folder, USER_BYTES)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def user_folder() -> Path:
    """Where `keep_compilations_for_user` keeps programs.

    Raises:
      RuntimeError: the user has no home.
    """
    caches = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(caches) if os.path.isabs(caches) else Path.home() / ".cache"
    return root / "cinegan" / "compilations"


def _is_set() -> bool:
    return jax.config.values["jax_compilation_cache_dir"] is not None


def _use(folder: Path, most_bytes: int) -> None:
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if jax.config.values["jax_compilation_cache_max_size"] < 0:
        jax.config.update("jax_compilation_cache_max_size", most_bytes)


def _drop_unfinished(folder: Path) -> None:
    """Deletes programs whose writing was killed; JAX would neither read nor replace them.

    JAX writes a program's time of use after the program itself.
    """
    for program in folder.glob("*-cache"):
        if not program.with_name(program.name.removesuffix("-cache") + "-atime").exists():
            program.unlink(missing_ok=True)
