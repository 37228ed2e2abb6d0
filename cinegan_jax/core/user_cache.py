"""Folders in the user's cache for results that take long to compute again."""

import os
from pathlib import Path


def user_cache(name: str) -> Path | None:
    """Return the folder `~/.cache/cinegan/NAME`, or None where it cannot be written.

    XDG_CACHE_HOME moves it. The folder is made with access for its owner only, because its content
    is trusted.
    """
    caches = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(caches) if os.path.isabs(caches) else Path.home() / ".cache"
        folder = root / "cinegan" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return None
    return folder if os.access(folder, os.W_OK) else None
