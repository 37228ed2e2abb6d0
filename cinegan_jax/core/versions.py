"""Versions of the software that runs."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

_PACKAGES = (
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
    """Return the versions of Python and of the main packages, and the git revision."""
    found = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **found, "git": git_revision()}


def git_revision() -> str:
    """Return the git commit of this package, `-dirty` if changed, `unknown` outside git."""
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
