"""Photos in folders are recognised by their names or else by their first bytes."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from cinegan_jax.data.images import images_below
from cinegan_jax.data.pairs import photos_by_name
from cinegan_jax.photos.contents import holds_photo, reason_to_skip

PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def encoded(form: str) -> bytes:
    file = io.BytesIO()
    if form == "bigtiff":
        tifffile.imwrite(file, PIXELS, bigtiff=True)
    else:
        Image.fromarray(PIXELS).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    "form", ["jpeg", "png", "webp", "tiff", "bigtiff", "bmp", "gif", "avif", "mpo"]
)
@pytest.mark.parametrize("name", ["photo", "IMG_1.JPS", "1.jpg_original"])
def test_a_photo_is_recognised_whatever_its_name(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(form))
    assert holds_photo(path)
    assert [*images_below(tmp_path)] == [name]
    assert photos_by_name(tmp_path) == {path.stem: path}


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "b.Tif", "c.NEF"])
def test_a_file_named_like_a_photo_is_not_opened(tmp_path: Path, name: str) -> None:
    assert holds_photo(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xmp", b"<x:xmpmeta/>", "belongs to a photo"),
        ("a.THM", encoded("jpeg"), "belongs to a photo"),
        (".hidden", encoded("jpeg"), "hidden"),
        ("._a.jpg", b"", "hidden"),
        ("a.txt", b"BMW and other words, as long as a header\n", "not an image"),
        ("a.txt", b"", "empty"),
        ("a.mov", struct.pack(">I", 20) + b"ftypqt  " + b"\0" * 8, "a video"),
        ("a.psd", b"8BPS\0\1", "Photoshop"),
    ],
)
def test_other_files_are_left_out_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert reason in (reason_to_skip(path) or "")
    assert images_below(tmp_path) == {}


def test_a_named_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reason_to_skip(tmp_path / "pipe") == "neither a file nor a folder"
    assert "cannot be read: No such file" in (reason_to_skip(tmp_path / "gone") or "")
