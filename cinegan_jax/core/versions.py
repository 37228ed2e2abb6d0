"""Which software this is."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

PACKAGES = (
    "cinegan-jax",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "numpy",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter, and this checkout's git revision."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "git": git_revision()}


def git_revision() -> str:
    """The commit that this package's files lie in, `-dirty` when changed; `unknown` outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
