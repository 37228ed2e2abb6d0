"""Limits on image files that are checked before pixels are decoded.

Each of them is far above what cameras and programs write. Without them a small file could occupy
the memory or the time of a decoder.
"""

import contextlib
import zlib

from cinegan_jax.photos.photo import Unsupported

MAX_PHOTO_PIXELS = 250_000_000
"""Pixels of a photo to develop, and of its result."""
MAX_SIDE = 65_535
"""Width and height in pixels; the largest of a JPEG."""
MAX_JPEG_SEGMENTS = 2_000
"""Segments of a JPEG; 131 MB of metadata."""
MAX_JPEG_EXIF_SEGMENTS = 16
"""Segments of a JPEG that hold EXIF; there should be one."""
MAX_JPEG_PHOTOSHOP_SEGMENTS = 100
"""Segments of a JPEG that hold Photoshop's blocks."""
MAX_JPEG_PADDING = 1 << 16
"""Bytes between the segments of a JPEG, where there should be none."""
MAX_JPEG_SCANS = 50
"""Scans of a JPEG; progressive encoders write about ten. A decoder visits all pixels in each."""
MAX_CHUNKS = 300_000
"""Chunks of a PNG or WebP: 2.4 GB of pixels in the usual chunks of 8 KB."""
MAX_OTHER_CHUNKS = 2_000
"""Chunks of a PNG that hold no pixels."""
MAX_INFLATED_BYTES = 1 << 26
"""Content of the compressed chunks of a PNG, all together."""
MAX_PROFILE_BYTES = 1 << 24
"""ICC profile; the largest that fits into a JPEG."""
MAX_TIFF_DIRECTORIES = 1_000
"""Directories of a TIFF: pages, reduced images, EXIF."""
MAX_TIFF_ENTRIES = 100_000
"""Entries of all directories of a TIFF."""
MAX_TIFF_PIECES = 100_000
"""Strips or tiles of a TIFF page: 400 megapixels in tiles of 64 x 64."""
MAX_GIF_EXTENSION_BYTES = 1 << 20
"""Comments and other extensions of a GIF in front of its first frame."""


def require_at_most(count: int, most: int, what: str) -> None:
    """Raise Unsupported if there are more than `most` of something, such as "segments"."""
    if count > most:
        raise Unsupported(f"has {count} {what}; at most {most} are read")


def check_sides(width: int, height: int) -> None:
    """Raise Unsupported if an image has no pixels, or a side is longer than `MAX_SIDE`."""
    if min(width, height) < 1:
        raise Unsupported("an image without pixels")
    if max(width, height) > MAX_SIDE:
        raise Unsupported(
            f"is {width} x {height} pixels; a side may have at most {MAX_SIDE} pixels"
        )


def inflated_size(data: bytes, most: int) -> int:
    """Return the size of zlib data when it is decompressed; more than `most` if it is larger.

    Damaged data counts up to its damage: the photo may be sound.
    """
    stream, size, rest = zlib.decompressobj(), 0, data
    with contextlib.suppress(zlib.error):
        while rest and size <= most:
            size += len(stream.decompress(rest, 1 << 20))
            rest = stream.unconsumed_tail
    return size
