"""Recognition of the photos in a folder, by their names or else by their first bytes."""

import stat
from pathlib import Path

from cinegan_jax.core.storage import AnyPath, is_remote
from cinegan_jax.photos.kinds import is_photo, kind_of, refusal_of

_HEAD_BYTES = 256
_SIDECARS = (
    *(".xmp", ".thm", ".aae", ".pp3", ".dop", ".arp", ".cos", ".nksc", ".vrd", ".on1"),
    *(".photo-edit", ".json"),
)
"""Endings of files that photo programs and cameras write beside a photo; some hold a thumbnail."""

_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Sizes of the header that follows the 14 bytes at the start of a BMP."""


def holds_photo(path: AnyPath) -> bool:
    """Return True if a file is a photo by its name, or else by its first bytes."""
    return reason_to_skip(path) is None


def reason_to_skip(path: AnyPath) -> str | None:
    """Return why a file is no photo; None if it is one by its name, or else by its first bytes.

    Only names count in a bucket, where each look into a file is a request.
    """
    if path.name.startswith("."):
        return "a hidden file"
    if is_photo(path):
        return None
    if path.suffix.lower() in _SIDECARS:
        return "a file that belongs to a photo"
    if is_remote(path):
        return "not named like a photo"
    try:
        return _reason_by_content(Path(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _reason_by_content(path: Path) -> str | None:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for its writer
        return "neither a file nor a folder"
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = kind_of(head)
    if kind is None or (kind == "bmp" and not _is_bmp(head)):
        return refusal_of(head)
    return None


def _is_bmp(head: bytes) -> bool:
    """Return True if more than the letters BM, with which texts begin too, are those of a BMP."""
    return head[6:10] == b"\0\0\0\0" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
