"""Photos that are read and written in a process of their own, and files that end it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import crashing_desk
import numpy as np
import pytest
from image_files import XMP
from PIL import Image

from cinegan_jax.photos import photo_process
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.photo_process import PhotoProcess
from cinegan_jax.photos.read import read_photo

MOST = 10**6


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "a.webp"
    noise = rng.integers(0, 256, (6, 8, 4), np.uint8)
    Image.fromarray(noise).save(path, lossless=True, xmp=XMP.replace(b"ORIENTATION", b"6"))
    return path


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[PhotoProcess]:
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    process = PhotoProcess()
    yield process
    process.close()


def named(photo: Path, name: str) -> Path:
    """Copy a photo to another name."""
    return Path(shutil.copy(photo, photo.with_name(f"{name}.webp")))


def develop(process: PhotoProcess, path: Path, result: Path | None = None) -> bytes:
    """Write the negative of a photo; return the file."""
    result = result or path.with_suffix(".out")
    process.probe(path, path.name)
    pixels, _ = process.read(MOST)
    process.write(result, 255 - pixels, EncodeOptions())
    return result.read_bytes()


def test_photos_are_read_and_written_as_in_this_process(
    process: PhotoProcess, photo: Path, tmp_path: Path
) -> None:
    here = read_photo(photo, max_pixels=MOST)
    header = process.probe(photo, "a")
    assert (header.format, header.width, header.height) == ("webp", 8, 6)
    pixels, notes = process.read(MOST)
    np.testing.assert_array_equal(pixels, here.pixels)
    assert notes == here.source.notes
    assert develop(process, photo) == encode_photo(here, 255 - here.pixels)
    np.testing.assert_array_equal(process.decode(photo), decode(photo))
    process.probe(photo, "large")
    with pytest.raises(UnreadablePhoto, match="large: 8 x 6 pixels are"):
        process.read(47)


@pytest.mark.parametrize("job", ["probe", "read", "write", "decode"])
def test_a_file_that_ends_the_process_is_named(
    process: PhotoProcess, photo: Path, job: str
) -> None:
    bad = named(photo, f"{job}_crash")
    codec = "encoder" if job == "write" else "decoder"
    for good_before in (False, True):
        with pytest.raises(Exception, match=f"{bad.name}: its {codec} crashed .SIGABRT.") as error:
            process.decode(bad) if job == "decode" else develop(
                process, bad, bad.with_name("write_crash")
            )
        assert isinstance(error.value, UnreadablePhoto) == (job != "write")
        assert develop(process, photo), good_before


@pytest.mark.parametrize("job", ["probe", "read"])
def test_a_file_that_hangs_is_named(
    process: PhotoProcess, photo: Path, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop(process, photo)
    bad = named(photo, f"{job}_hang")
    with monkeypatch.context() as patch:
        patch.setattr(photo_process, "_SECONDS", 0.2)
        with pytest.raises(UnreadablePhoto, match=f"{bad.name}: its decoder hung"):
            develop(process, bad)
    assert develop(process, photo)


@pytest.mark.parametrize("job", ["read", "write"])
def test_a_photo_after_one_that_damaged_the_process_is_tried_again(
    process: PhotoProcess, photo: Path, job: str
) -> None:
    spoiling = named(photo, f"{job}_spoil")
    if job == "read":
        process.probe(spoiling, "")
        process.read(MOST)
    else:
        develop(process, photo, spoiling)
    here = read_photo(photo, max_pixels=MOST)
    assert develop(process, photo) == encode_photo(here, 255 - here.pixels)


def test_an_abandoned_process_is_not_started_again(process: PhotoProcess, photo: Path) -> None:
    develop(process, photo)
    process.probe(photo, "a")
    process.abandon()
    with pytest.raises(UnreadablePhoto, match="a: its decoder"):
        process.read(MOST)


def test_the_process_does_not_import_jax() -> None:
    code = """
import sys
from cinegan_jax.photos import photo_process
from cinegan_jax.photos.formats.registry import module_of
from cinegan_jax.photos.kinds import SUFFIXES_BY_KIND
for kind in SUFFIXES_BY_KIND:
    module_of(kind)
assert not {"jax", "flax", "optax"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
