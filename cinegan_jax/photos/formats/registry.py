"""The formats by name; a module is imported when its first file comes."""

import importlib
from typing import Protocol, cast

from cinegan_jax.photos.photo import Opened, Picture

WRITTEN_SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "bmp": ".bmp",
    "avif": ".avif",
    "heic": ".heic",
}
"""Formats that are written, each with the ending of its files."""

SIXTEEN_BIT_FORMATS = ("png", "tiff", "heic")
"""Formats that are written with 16 bits a channel where the photo has them."""

FORMATS_WITHOUT_PROFILE = ("bmp",)
"""Formats that cannot say in which colours they are: always sRGB."""

LONGEST_SIDE = {"jpeg": 65500, "webp": 16383, "avif": 65536, "heic": 16384}
"""Pixels on a side that a format holds."""

WRITTEN_INSTEAD = {"gif": "png", "raw": "jpeg"}
"""What stands in for formats that are only read."""


class Format(Protocol):
    """What the module of a format has."""

    def open_file(self, data: bytes) -> Opened:
        """Reads the header of a file: kind and size, and the way to the pixels.

        Raises:
          Unsupported: a sound file of a kind that is not read.
          Exception: a damaged one; of whatever type the decoder has.
        """

    def encode(self, picture: Picture, quality: int | None) -> bytes:
        """The bytes of a file, where the format is one of `WRITTEN_SUFFIXES`.

        `quality` is 1..100, for lossy formats; None: as the picture's coding says.
        """


def module_of(name: str) -> Format:
    """The module of a format."""
    return cast(Format, importlib.import_module(f"cinegan_jax.photos.formats.{name}"))
