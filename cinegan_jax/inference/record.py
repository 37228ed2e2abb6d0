"""Record of a development, as the metadata of a developed photo holds it."""

import dataclasses
from typing import Any

from cinegan_jax.inference.develop import Settings
from cinegan_jax.inference.look import Look
from cinegan_jax.photos.light import Light


def development_record(look: Look, settings: Settings, light: Light) -> dict[str, Any]:
    """Return the name of the look and every setting, by its name in `Settings` and `Light`."""
    return {"look": look.name, **dataclasses.asdict(settings), **dataclasses.asdict(light)}
