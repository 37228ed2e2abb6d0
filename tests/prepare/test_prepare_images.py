"""`cinegan prepare --images`: single images as shards."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import exif_of
from image_folders import Photos, save_photo, smooth_photo, write_celeba, write_trip
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.data.images import ImageSource
from cinegan_jax.data.manifest import read_shard_manifest
from cinegan_jax.data.sources import open_images, open_source
from cinegan_jax.data.transforms import centre_square
from cinegan_jax.prepare import plan
from cinegan_jax.prepare.plan import make_plan
from cinegan_jax.prepare.prepare import Prepared, prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings

Folder = tuple[Path, Photos]


def _prepare(source: Path, out: Path, **changes: Any) -> Prepared:
    settings = PrepareSettings(**{"size": 16, "resize": "centre", "images": True, **changes})
    return prepare_shards(str(source), out, settings, 1, lambda done, total: None)


def _open(path: Path, split: str = "train", size: int = 16) -> ImageSource:
    return open_images(str(path), split, size=size)


def _names(path: Path) -> dict[str, list[str]]:
    return {split: list(_open(path, split).names) for split in ("train", "test")}


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Folder:
    """Forty photos in nested folders with spaces in their names, by name."""
    return write_trip(tmp_path / "photos", rng)


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_celeba_is_prepared_as_centre_crops_of_178(
    tmp_path: Path, rng: np.random.Generator, ending: str
) -> None:
    celeba = write_celeba(tmp_path / "celeba", rng, ending)
    made, rejected = _prepare(celeba, tmp_path / "out", size=64)
    assert not rejected
    assert (made.count("train"), made.count("test")) == (4, 2)
    source = _open(tmp_path / "out", "test", size=64)
    assert source.names == ["000005.jpg", "000007.jpg"]
    image = Image.open(celeba / "000005.jpg").crop((0, 20, 178, 198))
    expected = np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(source[0].target, expected)


def test_prepared_images_are_those_of_the_folder(folder: Folder, tmp_path: Path) -> None:
    root, photos = folder
    made, rejected = _prepare(root, tmp_path / "out")
    assert (made.kind, made.look) == ("images", "")
    assert [each.file for each in rejected] == [str(root / "notes.txt")]
    assert _names(tmp_path / "out") == _names(root)
    source = _open(tmp_path / "out")
    for index, name in enumerate(source.names):
        np.testing.assert_array_equal(source[index].target, centre_square(photos[name], 16))
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert content["kind"] == "images"
    assert sum(content["images"].values()) == 40


def test_a_folder_prepared_before_images_had_their_name_is_read_and_kept(
    folder: Folder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _prepare(folder[0], out)
    names, path = _names(out), out / "manifest.json"
    content = json.loads(path.read_text())
    content["kind"], content["pictures"] = "pictures", content.pop("images")
    path.write_text(json.dumps(content))
    assert read_shard_manifest(out).kind == "images"
    assert _names(out) == names
    assert _prepare(folder[0], out).manifest.kind == "images"


def test_the_digest_of_a_plan_is_that_of_older_versions(tmp_path: Path) -> None:
    """Folders prepared before are recognised as finished; computed by version 0.1's formula."""
    path = tmp_path / "train" / "a.png"
    save_photo(path, np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "test").mkdir()
    status = path.stat()
    facts = {
        **{"look": "", "size": 16, "resize": "centre", "test_fraction": 0.1, "variants": 1},
        **{"grain": True, "halation": 1.0, "pictures": True, "format": 1, "lut": None},
        "shards": [
            [
                "train-00000-of-00001.arrayrecord",
                [["a.png", status.st_size, status.st_mtime_ns]],
            ]
        ],
    }
    expected = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    settings = PrepareSettings(size=16, resize="centre", images=True)
    assert make_plan(str(tmp_path), settings).digest == expected


@pytest.mark.parametrize("option", ["--images", "--pictures"])
def test_preparing_images_by_command(folder: Folder, tmp_path: Path, option: str) -> None:
    command = ["prepare", str(folder[0]), str(tmp_path / "out"), option, "--size=16"]
    for _ in range(2):  # the second time there is nothing left to do
        result = CliRunner().invoke(app, [*command, "--jobs=1"])
        assert result.exit_code == 0, result.output
        names = _names(folder[0])
        counts = f"{len(names['train'])} training and {len(names['test'])} test images."
        assert counts in result.output
    other = CliRunner().invoke(app, [*command, "--resize=squash", "--jobs=1"])
    assert other.exit_code != 0


class _Killed(BaseException):
    """Stands for a kill between two images."""


def test_an_interrupted_preparation_continues(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "IMAGES_PER_SHARD", 4)
    whole, _ = _prepare(folder[0], tmp_path / "whole")

    def die(done: int, total: int) -> None:
        if done == 9:
            raise _Killed

    settings = PrepareSettings(size=16, resize="centre", images=True)
    with pytest.raises(_Killed):
        prepare_shards(str(folder[0]), tmp_path / "cut", settings, 1, die)
    assert _prepare(folder[0], tmp_path / "cut").manifest == whole


def test_images_of_cameras_and_programs_are_read_as_they_look(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    photo, root = smooth_photo(rng, 40, 40), tmp_path / "odd"
    image = Image.fromarray(photo)
    root.mkdir()
    grey = np.asarray(image.convert("L"))
    image.transpose(Image.Transpose.ROTATE_90).save(root / "turned.png", exif=exif_of(6))
    image.convert("L").save(root / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(root / "sixteen.png")
    image.convert("CMYK").save(root / "cmyk.tif")
    image.save(root / "modern.avif", quality=100, subsampling="4:4:4")
    half = image.copy()
    half.putalpha(Image.fromarray(np.full((40, 40), 128, np.uint8)))
    half.save(root / "alpha.png")
    _, rejected = _prepare(root, tmp_path / "out", size=40, test_fraction=0.0)
    assert not rejected
    source = _open(tmp_path / "out")
    found = {name: source[index].target for index, name in enumerate(source.names)}
    np.testing.assert_array_equal(found["turned.png"], photo)
    for name in ("grey.png", "sixteen.png"):
        np.testing.assert_array_equal(found[name], np.repeat(grey[..., None], 3, axis=-1))
    np.testing.assert_allclose(found["cmyk.tif"].astype(int), photo, atol=2)
    np.testing.assert_allclose(found["modern.avif"].astype(int), photo, atol=4)
    np.testing.assert_allclose(found["alpha.png"], (photo + 254.0) / 2, atol=2)


def test_images_that_cannot_be_used_are_left_out_with_the_reason(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    root = tmp_path / "photos"
    save_photo(root / "good.png", smooth_photo(rng))
    save_photo(root / "small.png", smooth_photo(rng, 12, 40))
    save_photo(root / "cut.png", smooth_photo(rng))
    (root / "cut.png").write_bytes((root / "cut.png").read_bytes()[:600])
    (root / "empty.jpg").write_bytes(b"")
    _, rejected = _prepare(root, tmp_path / "out", test_fraction=0.0)
    assert _open(tmp_path / "out").names == ["good.png"]
    reasons = {Path(each.file).name: each.reason for each in rejected}
    assert set(reasons) == {"small.png", "cut.png", "empty.jpg"}
    assert "40x12 is too small" in reasons["small.png"]


@pytest.mark.parametrize("empty", ["train", "test"])
def test_one_split_may_have_no_images(tmp_path: Path, rng: np.random.Generator, empty: str) -> None:
    full = {"train": "test", "test": "train"}[empty]
    save_photo(tmp_path / "photos" / full / "a.png", smooth_photo(rng))
    (tmp_path / "photos" / empty).mkdir()
    made, _ = _prepare(tmp_path / "photos", tmp_path / "out")
    assert (made.count(full), made.count(empty)) == (1, 0)
    with pytest.raises(UserError, match=f"the split '{empty}' of .* is empty"):
        _open(tmp_path / "out", empty)


@pytest.mark.parametrize(
    "settings", [{"look": "velvia"}, {"variants": 2}, {"grain": False}, {"halation": 0.0}]
)
def test_images_have_no_look(folder: Folder, settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="--images prepares images as they are"):
        make_plan(str(folder[0]), PrepareSettings(**{"images": True, **settings}))


def test_a_manifest_without_a_kind_holds_pairs(tmp_path: Path, rng: np.random.Generator) -> None:
    photo = smooth_photo(rng)
    for side in ("input", "target"):
        save_photo(tmp_path / "pairs" / side / "a.png", photo)
    _prepare(
        tmp_path / "pairs", tmp_path / "out", size=24, resize="crop", images=False, test_fraction=0
    )
    path = tmp_path / "out" / "manifest.json"
    content = json.loads(path.read_text())
    assert content.pop("kind") == "pairs"
    path.write_text(json.dumps(content))
    source = open_source("pairs", str(tmp_path / "out"), "train", size=24, look="target")
    np.testing.assert_array_equal(source[0].input, photo)
