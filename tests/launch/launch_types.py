"""Types of the fixtures that run commands."""

import subprocess
from collections.abc import Callable

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs a script of launch/ with arguments, and settings as keywords."""
Git = Callable[..., str]
"""Runs git in a folder and returns what it prints."""
