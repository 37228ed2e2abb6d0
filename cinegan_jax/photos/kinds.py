"""Which kind of picture a file is: by its first bytes, never by its name."""

from pathlib import Path

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif"),
    *(".arw", ".cr2", ".cr3", ".crw", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2"),
    *(".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".rwl"),
)
"""Endings of the files that are taken from a folder, in lower case; any case is accepted."""

_SIGNATURES = (
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("gif", 0, b"GIF87a"),
    ("gif", 0, b"GIF89a"),
    ("webp", 8, b"WEBP"),
    ("raw", 0, b"FUJIFILMCCD-RAW"),
    ("raw", 0, b"IIRO"),  # Olympus
    ("raw", 0, b"IIRS"),
    ("raw", 0, b"MMOR"),
    ("raw", 0, b"IIU\x00"),  # Panasonic, Leica
    ("raw", 0, b"II\x1a\x00\x00\x00HEAPCCDR"),  # Canon, before 2004
    ("raw", 0, b"FOVb"),  # Sigma
    ("raw", 0, b"\x00MRM"),  # Minolta
    ("raw", 4, b"ftypcrx "),  # Canon, since 2018
    ("tiff", 0, b"II*\x00"),
    ("tiff", 0, b"MM\x00*"),
    ("tiff", 0, b"II+\x00"),
    ("tiff", 0, b"MM\x00+"),
    ("bmp", 0, b"BM"),
)

_ISO_BRANDS = {
    "avif": (b"avif", b"avis"),
    "heic": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"),
}


def is_photo(path: Path) -> bool:
    """Whether `path` ends like a picture; hidden files (`._IMG_1.jpg`) are not pictures."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def kind_of(data: bytes) -> str | None:
    """The kind of picture, such as `jpeg`, or None. Many RAW files begin as `tiff` does."""
    for kind, offset, signature in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    return _iso_kind(data)


def _iso_kind(data: bytes) -> str | None:
    """AVIF or HEIC by the brands of ISO/IEC 14496-12's `ftyp` box."""
    if data[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(data[:4]), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, length, 4))}
    for kind, known in _ISO_BRANDS.items():
        if brands.intersection(known):
            return kind
    return None
