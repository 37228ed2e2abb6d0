"""Photo files that are broken or malicious."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def jpeg(height: int = 40, width: int = 60, seed: int = 0) -> bytes:
    """Return a valid photo with one EXIF entry."""
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    image = Image.fromarray(pixels.astype(np.uint8)).resize((width, height))
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, quality=90)
    return file.getvalue()


def png_bomb(width: int = 40_000, height: int = 40_000) -> bytes:
    """Return a small PNG whose pixels need much memory; those beyond 128 MiB are missing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    size = height * (3 * width + 1)
    pixels = zlib.compress(bytes(size if size < 2**27 else 3 * width + 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def jpeg_with_segments(number: int) -> bytes:
    """Return a photo with many application segments."""
    whole = jpeg()
    return whole[:2] + b"\xff\xe5\0\2" * number + whole[2:]


def jpeg_with_scans(number: int, side: int = 4000) -> bytes:
    """Return a progressive photo that repeats its last scan."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * number + whole[-2:]


def huge_tiff() -> bytes:
    """Return a TIFF header of 60000x60000 pixels without pixels."""
    tags = [(256, 60_000), (257, 60_000), (258, 8), (259, 1), (262, 1), (273, 8), (279, 2**31)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


FILES = {
    "empty.jpg": b"",
    "text.jpg": b"This is no photo.\n" * 20,
    "cut.jpg": jpeg(400, 600)[:3000],
    "header_only.jpg": jpeg()[:20],
    "bomb.png": png_bomb(),
    "huge.tif": huge_tiff(),
    "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "page.png": b"<!doctype html><script>alert(1)</script>",
    "noise.webp": np.random.default_rng(0).bytes(5000),
    "riff.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(100),
    "ftyp.heic": b"\0\0\0\x18ftypheic" + bytes(100),
    "flipped.jpg": jpeg()[:300] + bytes(byte ^ 0x5A for byte in jpeg()[300:]),
}
"""Contents by file name; some names do not fit the content."""
