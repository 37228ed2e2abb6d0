"""Known file formats, and the interface of the modules that implement them.

A format's module is imported when its first file is read or written.
"""

import functools
import importlib
from typing import Protocol, cast

from cinegan_jax.photos.photo import OpenedImage, StoredImage

WRITTEN_SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "bmp": ".bmp",
    "avif": ".avif",
    "heic": ".heic",
    "jxl": ".jxl",
}
"""File name ending of each format that can be written."""

SIXTEEN_BIT_FORMATS = ("png", "tiff", "avif", "heic", "jxl")
"""Formats written with 16 bits per channel where the photo has more than 8; AVIF and HEIC hold 10
or 12 of them."""

FORMATS_WITHOUT_PROFILE = ("bmp",)
"""Formats that cannot state a colour space; they are written in sRGB. JPEG XL states those that
have a name."""

FORMATS_WITHOUT_ALPHA = ("jpeg", "bmp")
"""Formats without transparency; photos are laid over white."""

LONGEST_SIDE = {"jpeg": 65500, "webp": 16383, "avif": 65536, "heic": 16384}
"""Maximum width and height of a format, in pixels."""

WRITTEN_INSTEAD = {"gif": "png", "raw": "jpeg"}
"""Output format for formats that are only read."""


class FormatModule(Protocol):
    """Interface of a module in `photos.formats`, which is named after its format."""

    def open_file(self, data: bytes) -> OpenedImage:
        """Read the header of a file.

        Raises:
          Unsupported: the file is valid, but of a variant that is not read.
          Exception: the file is damaged; the type depends on the decoding library.
        """

    def encode(self, image: StoredImage, quality: int | None) -> bytes:
        """Return the bytes of a file; only modules of `WRITTEN_SUFFIXES` have this function.

        Args:
          image: pixels, profile and metadata to write.
          quality: 1..100 for lossy formats, ignored by lossless ones. With None, the compression
            of the image's `coding` is used where it is of this format.
        """


@functools.cache
def module_of(name: str) -> FormatModule:
    """Return the module of a format."""
    return cast(FormatModule, importlib.import_module(f"cinegan_jax.photos.formats.{name}"))
