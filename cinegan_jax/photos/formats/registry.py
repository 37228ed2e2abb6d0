"""The formats by name; a module is imported when its first file comes."""

import importlib
from typing import Any

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


def module_of(name: str) -> Any:
    """The module of a format, with `open_file(data)` and, where written, `encode(picture, q)`."""
    return importlib.import_module(f"cinegan_jax.photos.formats.{name}")
