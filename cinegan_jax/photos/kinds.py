"""Image formats by file name ending, to find files, and by first bytes, to read them."""

import os
from collections.abc import Iterable, Mapping, Sequence

from cinegan_jax.core.names import normal_name
from cinegan_jax.core.storage import AnyPath

SUFFIXES_BY_KIND: Mapping[str, Sequence[str]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "bmp": (".bmp",),
    "gif": (".gif",),
    "avif": (".avif",),
    "heic": (".heic", ".heif", ".hif"),
    "jxl": (".jxl",),
    "raw": (
        *(".arw", ".cr2", ".cr3", ".crw", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2"),
        *(".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".rwl"),
    ),
}
"""File name endings of each format, in lower case."""

PHOTO_SUFFIXES = tuple(suffix for suffixes in SUFFIXES_BY_KIND.values() for suffix in suffixes)
"""Endings of the image files that are read from folders, in lower case; any case is accepted."""

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
    ("jxl", 0, b"\xff\x0a"),
    ("jxl", 0, b"\0\0\0\x0cJXL \r\n\x87\n"),
)

_NOT_READ = (
    ("a JPEG 2000 image", 0, b"\x00\x00\x00\x0cjP  "),
    ("a JPEG 2000 image", 0, b"\xff\x4f\xff\x51"),
    ("a JPEG XR image", 0, b"II\xbc"),
    ("a Photoshop document", 0, b"8BPS"),
    ("a GIMP document", 0, b"gimp xcf"),
    ("an OpenEXR image", 0, b"\x76\x2f\x31\x01"),
    ("a Radiance HDR image", 0, b"#?RADIANCE"),
    ("a DPX image", 0, b"SDPX"),
    ("a DPX image", 0, b"XPDS"),
    ("a DDS texture", 0, b"DDS "),
    ("a QOI image", 0, b"qoif"),
    ("an icon", 0, b"\x00\x00\x01\x00"),
    ("a PDF document", 0, b"%PDF-"),
    ("a PNM image", 0, b"P5"),
    ("a PNM image", 0, b"P6"),
    ("a video", 0, b"\x1a\x45\xdf\xa3"),
    ("a video", 8, b"AVI "),
    ("a JPEG 2000 image (HTJ2K in HEIF)", 8, b"j2ki"),
    ("a JPEG in HEIF", 8, b"jpeg"),
)
"""Names of formats that are recognised but not read, and their first bytes."""

_VIDEO_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"3gp4", b"3gp5")

_ISO_BRANDS = {
    "avif": (b"avif", b"avis"),
    "heic": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"),
}
_HEIF_BRANDS = (b"mif1", b"msf1")
"""General brands, which as the first one stand for HEIC in most files."""


def is_photo(path: AnyPath) -> bool:
    """Return True if the name ends like an image file and is not hidden (`._IMG_1.jpg`)."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def without_developed_raw(paths: Iterable[AnyPath]) -> list[AnyPath]:
    """Leave out RAW files that have a developed image of the same name beside them.

    Cameras write both (`IMG_1.CR2`, `IMG_1.JPG`), and one photo must not count twice.
    """
    paths = list(paths)
    developed = {_without_ending(path) for path in paths if not _is_raw(path)}
    return [path for path in paths if not _is_raw(path) or _without_ending(path) not in developed]


def kind_of(data: bytes) -> str | None:
    """Return the format of a file by its first bytes, or None if it is unknown.

    Many RAW files begin like a TIFF; the TIFF reader recognises them.
    """
    for kind, offset, signature in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    return _iso_kind(data)


def refusal_of(data: bytes) -> str:
    """Return why a file of an unknown kind is not read, by its first bytes."""
    if not data:
        return "an empty file"
    for name, offset, signature in _NOT_READ:
        if data.startswith(signature, offset):
            return f"{name}, which is not supported; save it as TIFF, PNG or JPEG"
    if data[4:8] == b"ftyp" and data[8:12] in _VIDEO_BRANDS:
        return "a video, not a photo"
    return "not an image of a supported format"


def _without_ending(path: AnyPath) -> str:
    return normal_name(os.fspath(path.with_suffix("")))


def _is_raw(path: AnyPath) -> bool:
    return path.suffix.lower() in SUFFIXES_BY_KIND["raw"]


def _iso_kind(data: bytes) -> str | None:
    """Recognise AVIF and HEIC by the brands in the `ftyp` box (ISO/IEC 14496-12)."""
    if data[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(data[:4]), 256)
    brands = {data[start : start + 4] for start in (8, *range(16, length, 4))}
    for kind, known in _ISO_BRANDS.items():
        if brands.intersection(known):
            return kind
    return "heic" if data[8:12] in _HEIF_BRANDS else None
