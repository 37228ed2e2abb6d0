"""The embedded photographs: licensed, whole, and split by subject."""

import csv
import hashlib

import pytest
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.samples import sample_photos


def rows() -> dict[str, dict[str, str]]:
    folder = sample_photos("train")[0].parent
    with (folder / "LICENSES.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_every_photo_is_free_listed_and_unchanged() -> None:
    photos = sample_photos("train") + sample_photos("test")
    listed = rows()
    assert sorted(p.name for p in photos) == sorted(listed)
    assert sorted(p.name for p in photos[0].parent.glob("*.jpg")) == sorted(listed)
    for photo in photos:
        row = listed[photo.name]
        assert row["license"] in ("Public-Domain", "CC0-1.0")
        assert row["author"]
        assert row["source"].startswith("http")
        assert hashlib.sha256(photo.read_bytes()).hexdigest() == row["sha256"]


def test_photos_have_the_stated_size() -> None:
    for photo in sample_photos("train") + sample_photos("test"):
        with Image.open(photo) as image:
            assert max(image.size) == 512
            assert min(image.size) >= 256


def test_splits_share_no_photo() -> None:
    train, test = ({p.stem for p in sample_photos(split)} for split in ("train", "test"))
    assert len(train) >= 32
    assert len(test) >= 10
    # The part of a name before a number or a hyphen identifies the subject.
    subjects = [{stem.rstrip("0123456789-") for stem in split} for split in (train, test)]
    assert not subjects[0] & subjects[1]


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(UserError, match="no split 'val'; choose train or test"):
        sample_photos("val")
