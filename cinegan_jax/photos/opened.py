"""A picture file whose header was read and whose pixels were not."""

from collections.abc import Callable
from dataclasses import dataclass

from cinegan_jax.photos.photo import Picture


class Unsupported(Exception):
    """A sound file of a kind that is not read; the text says why and what to do."""


@dataclass(frozen=True)
class Opened:
    """Kind and size of a picture, and the way to its pixels."""

    format: str
    width: int
    """As stored: before the orientation is applied."""
    height: int
    decode: Callable[[], Picture]
