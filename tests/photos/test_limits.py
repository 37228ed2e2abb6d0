"""Files that would occupy a decoder are refused by their structure, before pixels are decoded."""

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import saved
from PIL import Image

from cinegan_jax.photos import limits
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.read import read_photo

IMAGE = Image.new("RGB", (16, 16), (90, 120, 150))
LIMIT = 60 * 10**6


def _refused(data: bytes, match: str) -> None:
    with pytest.raises(UnreadablePhoto, match=match):
        read_photo(data, name="photo", max_pixels=LIMIT)


def _read(data: bytes) -> None:
    assert read_photo(data, name="photo", max_pixels=LIMIT).pixels.shape == (16, 16, 3)


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", checksum)


def _png(extra: bytes, width: int = 16, height: int = 16) -> bytes:
    """A PNG with more chunks after its header, which may claim another size."""
    data = saved(IMAGE, "png")
    header = _chunk(b"IHDR", struct.pack(">LL", width, height) + data[24:29])
    return data[:8] + header + extra + data[33:]


def _jpeg(extra: bytes, scans: int = 0) -> bytes:
    """A progressive JPEG with more segments at the start and more scans at the end."""
    data = saved(IMAGE, "jpeg", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:2] + extra + data[2:-2] + scans * last + data[-2:]


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def _tiff(**options: object) -> bytes:
    file = io.BytesIO()
    samples = np.full((16, 16, 3), 90, np.uint8)
    tifffile.imwrite(file, samples, photometric="rgb", metadata=None, **options)
    return file.getvalue()


def _tiff_chain(count: int, loop: bool = False, **options: object) -> bytes:
    """A TIFF whose directory is followed by `count` copies, the last of which may lead back."""
    data = bytearray(_tiff(**options))
    big = data[2] == 43
    start, width = (
        (struct.unpack_from("<Q", data, 8)[0], 8)
        if big
        else (
            struct.unpack_from("<L", data, 4)[0],
            4,
        )
    )
    entries = struct.unpack_from("<Q" if big else "<H", data, start)[0]
    stop = start + (8 + 20 * entries if big else 2 + 12 * entries)
    directory = bytes(data[start:stop])
    place = len(data)
    data[stop : stop + width] = place.to_bytes(width, "little")
    for number in range(1, count + 1):
        following = start if loop else 0
        if number < count:
            following = place + number * (len(directory) + width)
        data += directory + following.to_bytes(width, "little")
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(1, 30_000_000), (30_000_000, 1)])
def test_long_thin_images_are_refused_at_once(tmp_path: Path, width: int, height: int) -> None:
    data = _png(b"", width, height)
    message = f"is {width} x {height} pixels; a side may have at most 65535 pixels"
    started = time.perf_counter()
    _refused(data, message)
    (tmp_path / "thin.png").write_bytes(data)
    with pytest.raises(UnreadablePhoto, match=message):
        decode(tmp_path / "thin.png")
    assert time.perf_counter() - started < 1


def test_long_sides_are_refused_in_every_format() -> None:
    side = struct.pack("<l", limits.MAX_SIDE + 1)
    bmp = bytearray(saved(IMAGE, "bmp"))
    bmp[18:22] = side
    tiff = bytearray(_tiff())
    with tifffile.TiffFile(io.BytesIO(bytes(tiff))) as file:
        place = file.pages.first.tags["ImageWidth"].offset  # a field of type and value
    tiff[place + 2 : place + 4] = struct.pack("<H", 4)
    tiff[place + 8 : place + 12] = side
    webp = bytearray(saved(IMAGE, "webp", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    place = webp.index(b"VP8X") + 12
    webp[place : place + 3] = (limits.MAX_SIDE).to_bytes(3, "little")
    for data in (bytes(bmp), bytes(tiff), bytes(webp)):
        _refused(data, "is 65536 x 16 pixels; a side may have at most 65535 pixels")


def test_a_longest_side_is_read() -> None:
    data = saved(Image.new("L", (limits.MAX_SIDE, 2)), "png")
    assert read_photo(data, max_pixels=LIMIT).pixels.shape == (2, limits.MAX_SIDE, 3)


def test_jpeg_segments_and_scans_are_limited() -> None:
    one = _segment(0xE5, b"x")
    data = _jpeg(b"")
    own_segments, own_scans = data.count(b"\xff\xc4") + 20, data.count(b"\xff\xda")
    _read(_jpeg((limits.MAX_JPEG_SEGMENTS - own_segments) * one))
    _refused(_jpeg(limits.MAX_JPEG_SEGMENTS * one), "has 2001 segments; at most 2000 are read")
    _read(_jpeg(b"", limits.MAX_JPEG_SCANS - own_scans))
    _refused(_jpeg(b"", limits.MAX_JPEG_SCANS), "has 51 scans; at most 50 are read")
    exif = _segment(0xE1, b"Exif\0\0" + bytes(100))
    _refused(_jpeg(17 * exif), "has 17 segments of EXIF; at most 16 are read")
    blocks = _segment(0xED, b"Photoshop 3.0\0")
    _refused(_jpeg(101 * blocks), "has 101 segments of Photoshop's blocks; at most 100")


def test_jpeg_padding_is_limited() -> None:
    _read(_jpeg(b"\xff" * 100))
    _refused(_jpeg(b"\xff" * 70_000), "has 70000 bytes between its segments; at most 65536")


@pytest.mark.parametrize("compressed", [b"iCCP", b"zTXt", b"iTXt"])
def test_png_chunks_that_inflate_too_far_are_refused(compressed: bytes) -> None:
    content = zlib.compress(bytes(limits.MAX_INFLATED_BYTES + 1), 1)
    head = {b"iCCP": b"name\0\0", b"zTXt": b"key\0\0", b"iTXt": b"key\0\1\0\0\0"}[compressed]
    _refused(_png(_chunk(compressed, head + content)), "bytes of inflated text and profile")


def test_png_chunks_are_limited() -> None:
    text = _chunk(b"tEXt", b"key\0value")
    _read(_png(1000 * text))
    _refused(_png(limits.MAX_OTHER_CHUNKS * text), "has 2001 chunks that hold no pixels")
    _refused(_png(limits.MAX_CHUNKS * _chunk(b"IDAT", b"")), "has 300001 chunks")


@pytest.mark.parametrize("bigtiff", [False, True])
def test_tiff_directories_are_limited_and_loops_end(bigtiff: bool) -> None:
    _read(_tiff_chain(20, bigtiff=bigtiff))
    _read(_tiff_chain(2, loop=True, bigtiff=bigtiff))
    _refused(_tiff_chain(1000, bigtiff=bigtiff), "has 1001 directories; at most 1000 are read")


def test_tiff_strips_are_limited() -> None:
    data = bytearray(_tiff())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages.first.tags["StripOffsets"].offset
    data[place + 4 : place + 8] = struct.pack("<L", limits.MAX_TIFF_PIECES + 1)
    _refused(bytes(data), "has 100001 strips or tiles; at most 100000 are read")


def test_tiff_strips_do_not_inflate_past_their_size() -> None:
    data = bytearray(_tiff(compression="zlib"))
    bomb = zlib.compress(bytes(50_000_000))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages.first.tags
        for name, value in (("StripOffsets", len(data)), ("StripByteCounts", len(bomb))):
            place = tags[name].offset
            data[place + 2 : place + 4] = struct.pack("<H", 4)
            data[place + 8 : place + 12] = struct.pack("<L", value)
    _refused(bytes(data) + bomb, "cannot be decoded")


def test_webp_chunks_and_gif_extensions_are_limited() -> None:
    webp = saved(IMAGE, "webp")
    _read(webp + 100 * b"ABCD\0\0\0\0")
    _refused(webp + limits.MAX_CHUNKS * b"ABCD\0\0\0\0", "has 300001 chunks")
    gif = saved(IMAGE.convert("L"), "gif")
    start = 13 + (3 << (1 + (gif[10] & 7)))
    comment = b"\x21\xfe" + 1000 * (b"\xff" + bytes(255)) + b"\0"
    _read(gif[:start] + comment + gif[start:])
    _refused(gif[:start] + 5 * comment + gif[start:], "bytes of extensions before its image")


def test_icc_profiles_are_limited() -> None:
    profile = bytes(limits.MAX_PROFILE_BYTES + 1)
    _refused(_tiff(iccprofile=profile), "has 16777217 bytes of ICC profile; at most 16777216")
