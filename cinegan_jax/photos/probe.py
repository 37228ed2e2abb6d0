"""Kind and size of a picture file, from its content and without decoding it."""

from dataclasses import dataclass
from pathlib import Path

from cinegan_jax.photos.read import open_picture


@dataclass(frozen=True)
class Probe:
    """What a file's header says."""

    format: str
    width: int
    """As stored: a photo that is turned upright may come out with sides exchanged."""
    height: int


def probe(file: Path | bytes, *, name: str = "") -> Probe:
    """Kind and size of a picture.

    Raises:
      UnreadablePhoto: it is no picture, damaged, or of a kind that is not read.
    """
    opened = open_picture(file, name)
    return Probe(opened.format, opened.width, opened.height)
