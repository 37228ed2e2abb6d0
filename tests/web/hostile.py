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


def png_bomb(side: int = 40_000) -> bytes:
    """Return a PNG of a few kilobytes whose pixels need gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(3 * side + 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


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
