"""GANs in JAX: film looks for photos, and the training of new ones.

The names below are loaded when they are first used, so that importing the package takes no time.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "Look": "cinegan_jax.inference.look",
    "TrainedRun": "cinegan_jax.api.runs",
    "UserError": "cinegan_jax.core.errors",
    "evaluate": "cinegan_jax.evaluation.evaluate",
    "installed_looks": "cinegan_jax.inference.look",
    "load_look": "cinegan_jax.inference.look",
    "load_run": "cinegan_jax.api.runs",
    "train": "cinegan_jax.api.training",
}
"""Names of the Python interface, and the module that each is loaded from."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
