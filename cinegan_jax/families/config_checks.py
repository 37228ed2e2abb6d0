"""Checks of what a family is built from."""

from functools import reduce

import ml_collections

from cinegan_jax.core.errors import UserError


def require_counts(config: ml_collections.ConfigDict, *keys: str) -> None:
    """Raises UserError where a key, such as `generator.width`, is less than 1."""
    for key in keys:
        value = reduce(getattr, key.split("."), config)
        if value < 1:
            raise UserError(f"config.{key}={value} must be 1 or more")
