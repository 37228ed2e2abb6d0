"""Caches of compiled programs on disk, so that a restarted process need not compile again."""

import os
from pathlib import Path

import jax

from cinegan_jax.core.storage import is_remote
from cinegan_jax.core.user_cache import user_cache

_FOLDER = "compilation_cache"
"""Folder of a run's programs in its workdir."""
RUN_BYTES = 2 * 2**30
"""Maximum size of a run's local cache; the least recently used programs are deleted."""
USER_BYTES = 2**28
"""Maximum size of the user's cache."""


def keep_compilations(workdir: os.PathLike[str]) -> None:
    """Use the compilation cache `WORKDIR/compilation_cache`; only the first process adds to it.

    A cache that is already set, for example by JAX_COMPILATION_CACHE_DIR, is kept;
    JAX_ENABLE_COMPILATION_CACHE=0 disables caching. Only programs that took a second or more to
    compile are stored (JAX's default). A cache in a bucket has no maximum size, because JAX would
    need file locks for it.
    """
    if _is_set():
        return
    folder = os.path.join(workdir, _FOLDER)
    if is_remote(folder):
        jax.config.update("jax_compilation_cache_dir", folder)
        # XLA itself writes this cache of GPU kernels, and only to local folders.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
        return
    _use(Path(folder), RUN_BYTES)
    if jax.process_index() == 0:
        _drop_unfinished(Path(folder))


def keep_compilations_for_user() -> None:
    """Use the compilation cache `~/.cache/cinegan/compilations`, for commands that start often.

    Every program is stored, however fast it compiles. XDG_CACHE_HOME moves the folder. A cache that
    is already set is kept. If the folder cannot be written, as in a read-only home, nothing is
    cached.
    """
    if _is_set():
        return
    folder = user_cache("compilations")
    if folder is None:
        return
    _drop_unfinished(folder)
    _use(folder, USER_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _is_set() -> bool:
    return jax.config.values["jax_compilation_cache_dir"] is not None


def _use(folder: Path, most_bytes: int) -> None:
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if jax.config.values["jax_compilation_cache_max_size"] < 0:
        jax.config.update("jax_compilation_cache_max_size", most_bytes)


def _drop_unfinished(folder: Path) -> None:
    """Delete partly written programs, which JAX would neither read nor replace.

    JAX writes the file of a program's last use after the program itself.
    """
    for program in folder.glob("*-cache"):
        if not program.with_name(program.name.removesuffix("-cache") + "-atime").exists():
            program.unlink(missing_ok=True)
