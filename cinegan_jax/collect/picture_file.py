"""A downloaded file as a picture of the collection: its kind, its name, whose it is."""

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image

from cinegan_jax.collect.failure import Failure
from cinegan_jax.photos.kinds import kind_of

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
"""Of the kinds of pictures that are kept, which are those that `cinegan prepare` reads."""
NAME_DIGITS = 20
"""Of a picture's SHA-256 in its name: 80 bits, beyond chance among any number of pictures."""
_OTHER_CONTENT = ("text", "audio", "video", "font")


class Owner(NamedTuple):
    """What a file says of its owner, by EXIF; empty where it says nothing."""

    copyright: str = ""
    artist: str = ""


def require_picture_type(content_type: str) -> None:
    """Raises Failure where a server says that it sends no picture; no or a vague word will do."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.partition("/")[0] in _OTHER_CONTENT or kind == "image/svg+xml":
        raise Failure(f"{kind} in place of a picture")


def digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(path: Path, sha256: str) -> str:
    """The name of a picture in the collection: from its content alone, and safe on every disk.

    Raises:
      Failure: its first bytes are none of a picture that is kept.
    """
    with path.open("rb") as file:
        head = file.read(256)
    kind = kind_of(head)
    if kind not in SUFFIXES:
        what = kind or ("empty" if not head else f"no picture, it begins with {head[:12]!r}")
        raise Failure(f"{what}; kept are {', '.join(SUFFIXES)}")
    return sha256[:NAME_DIGITS] + SUFFIXES[kind]


def owner_of(path: Path) -> Owner:
    """Who owns a picture, as far as its file says."""
    try:
        with Image.open(path) as image:
            exif = image.getexif()
    except Exception:  # decoders meet damaged bytes with every kind of exception
        return Owner()
    tags = (exif.get(tag) for tag in (ExifTags.Base.Copyright, ExifTags.Base.Artist))
    return Owner(*(_plain(tag) for tag in tags))


def _plain(text: object) -> str:
    if not isinstance(text, str):
        return ""
    with contextlib.suppress(UnicodeError):  # what is written as UTF-8 comes as Latin-1
        text = text.encode("latin-1").decode("utf-8")
    return " ".join(text.replace("\0", " ").split())
