"""Kinds, names and owners of downloaded files."""

import hashlib

import pytest
from misbehaving_site import picture
from PIL import Image

from cinegan_jax.collect.failure import Failure
from cinegan_jax.collect.picture_file import (
    SUFFIXES,
    Owner,
    digest,
    name_of,
    owner_of,
    require_picture_type,
)
from cinegan_jax.photos.kinds import PHOTO_SUFFIXES


def test_what_is_kept_is_what_is_prepared():
    assert set(SUFFIXES.values()) <= set(PHOTO_SUFFIXES)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_names_come_from_content_alone(tmp_path, form):
    for path in (tmp_path / "a.gif", tmp_path / "ü"):
        path.write_bytes(picture(1, form=form))
        sha256 = hashlib.sha256(picture(1, form=form)).hexdigest()
        assert digest(path) == sha256
        assert name_of(path, sha256) == sha256[:20] + SUFFIXES[form]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"GIF89a", "gif"), (b"<html>", "no picture, it begins with b'<html>'")],
)
def test_other_files_have_no_name(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(Failure, match=f"^{reason}; kept are jpeg"):
        name_of(path, digest(path))


@pytest.mark.parametrize("kind", ["", "image/jpeg", "application/octet-stream", "IMAGE/X; a=b"])
def test_types_that_may_be_pictures(kind):
    require_picture_type(kind)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_owners_by_exif(tmp_path, encoding):
    sign = "\N{COPYRIGHT SIGN} é".encode(encoding)
    place = b"#" * len(sign)
    path = tmp_path / "a.jpg"
    exif = {0x8298: f"{place.decode()}  Me\0 edited", 0x013B: "Me"}
    path.write_bytes(picture(1, exif=_exif(exif)).replace(place, sign))
    assert owner_of(path) == Owner("\N{COPYRIGHT SIGN} é Me edited", "Me")


@pytest.mark.parametrize("content", [picture(1), b"\xff\xd8\xff broken", b""])
def test_without_an_owner(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert owner_of(path) == Owner("", "")


def _exif(tags: dict[int, str]) -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes()
