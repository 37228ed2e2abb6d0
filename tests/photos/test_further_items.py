"""Gain maps, depth and videos in AVIF, HEIC and JPEG XL files are left out with a note."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from image_files import saved
from PIL import Image

from cinegan_jax.photos.further_items import notes_on_further_items
from cinegan_jax.photos.read import read_photo

VIDEO = "the video of a motion photo is left out"
GAIN_MAP = "its gain map (HDR) is left out"


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L", 8 + len(content)) + name + content


def _notes(data: bytes) -> tuple[str, ...]:
    return read_photo(data, max_pixels=10**6).source.notes


def test_videos_after_avif_and_heic(blocks: np.ndarray) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heic = pillow_heif.from_pillow(Image.fromarray(blocks))
    video = _box(b"mpvd", _box(b"ftyp", b"mp42"))
    file = io.BytesIO()
    heic.save(file, quality=80)
    for data in (saved(Image.fromarray(blocks), "avif"), file.getvalue()):
        assert _notes(data) == ()
        assert _notes(data + video) == (VIDEO,)
        assert _notes(data + video + b"SEFH and other data") == (VIDEO,)


def test_a_gain_map_in_jpeg_xl(blocks: np.ndarray) -> None:
    codestream = imagecodecs.jpegxl_encode(blocks, lossless=True, usecontainer=True)
    assert _notes(codestream) == ()
    assert _notes(bytes(codestream) + _box(b"jhgm", bytes(20))) == (GAIN_MAP,)


@pytest.mark.parametrize("version", [2, 3])
def test_items_of_a_gain_map(version: int) -> None:
    number = struct.pack(">H" if version == 2 else ">L", 3)
    entry = _box(b"infe", bytes([version, 0, 0, 0]) + number + bytes(2) + b"tmap" + b"\0")
    assert notes_on_further_items(_box(b"meta", bytes(4) + _box(b"iinf", entry))) == (GAIN_MAP,)
    other = _box(b"infe", bytes([version, 0, 0, 0]) + number + bytes(2) + b"av01" + b"\0")
    assert notes_on_further_items(_box(b"meta", bytes(4) + _box(b"iinf", other))) == ()


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (b"urn:com:apple:photo:2020:aux:hdrgainmap", GAIN_MAP),
        (b"urn:mpeg:hevc:2015:auxid:2", "its depth is left out"),
        (b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", "its depth is left out"),
        (b"urn:com:apple:photo:2018:aux:portraiteffectsmatte", "its masks are left out"),
        (b"urn:com:apple:photo:2019:aux:semanticskinmatte", "its masks are left out"),
    ],
)
def test_auxiliary_images(kind: bytes, note: str) -> None:
    auxiliary = _box(b"auxC", bytes(4) + kind + b"\0")
    assert notes_on_further_items(_box(b"meta", bytes(4) + auxiliary)) == (note,)


def test_alpha_is_no_further_item(blocks: np.ndarray) -> None:
    alpha = np.full((*blocks.shape[:2], 1), 99, np.uint8)
    image = Image.fromarray(np.concatenate([blocks, alpha], axis=-1))
    assert _notes(saved(image, "avif")) == ()
