"""Formats, names and owners of downloaded files."""

import hashlib
from pathlib import Path

import pytest
from misbehaving_site import image_file
from PIL import Image

from cinegan_jax.collect.addresses import KEPT_FORMATS, Failure
from cinegan_jax.collect.download import name_of, require_image_type
from cinegan_jax.collect.records import Owner, owner_of
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES


def test_kept_formats_are_those_that_prepare_reads() -> None:
    assert set(KEPT_FORMATS.values()) <= set(PHOTO_SUFFIXES)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_names_depend_on_the_content_alone(tmp_path: Path, form: str) -> None:
    for path in (tmp_path / "a.gif", tmp_path / "ü"):
        path.write_bytes(image_file(1, form=form))
        sha256 = hashlib.sha256(image_file(1, form=form)).hexdigest()
        assert name_of(path, sha256) == sha256[:20] + KEPT_FORMATS[form]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"GIF89a", "gif"), (b"<html>", "not an image, it begins with b'<html>'")],
)
def test_other_formats_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(Failure, match=f"^{reason}; kept formats are jpeg"):
        name_of(path, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("kind", ["", "image/jpeg", "application/octet-stream", "IMAGE/X; a=b"])
def test_possible_image_types_are_accepted(kind: str) -> None:
    require_image_type(kind)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_owner_from_exif(tmp_path: Path, encoding: str) -> None:
    sign = "\N{COPYRIGHT SIGN} é".encode(encoding)
    place = b"#" * len(sign)
    path = tmp_path / "a.jpg"
    exif = {0x8298: f"{place.decode()}  Me\0 edited", 0x013B: "Me"}
    path.write_bytes(image_file(1, exif=_exif(exif)).replace(place, sign))
    assert owner_of(path) == Owner("\N{COPYRIGHT SIGN} é Me edited", "Me")


@pytest.mark.parametrize("content", [image_file(1), b"\xff\xd8\xff broken", b""])
def test_files_without_an_owner(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert owner_of(path) == Owner("", "")


def _exif(tags: dict[int, str]) -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes()
