"""Sources of pairs: folders, shards, and rendered photos."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from etils import epath
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.data import pairs
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.manifest import Manifest, Shard, write_shard_manifest
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.shards import encode_record
from cinegan_jax.film.render import load_recipe, photo_seed, render_film

Filmset = tuple[Path, Any]
"""A folder, and its photos."""


def _save(path: Path, photo: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(path)


@pytest.fixture
def filmset(tmp_path: Path, rng: np.random.Generator) -> Filmset:
    """Three pairs in train, one in test, and one image without a partner on either side."""
    photos = {}
    for split, side, name in [
        ("train", "input", "DSCF01200 iso1600.png"),
        ("train", "ClassNeg", "DSCF01200 iso1600.PNG"),
        ("train", "input", "b.tif"),
        ("train", "ClassNeg", "b.png"),
        ("train", "input", "c.png"),
        ("train", "ClassNeg", "c.tiff"),
        ("train", "input", "alone.png"),
        ("train", "ClassNeg", "forlorn.png"),
        ("train", "ClassNeg", "._b.png"),
        ("test", "input", "b.png"),
        ("test", "ClassNeg", "b.png"),
    ]:
        photo = rng.integers(0, 256, (6, 8, 3), np.uint8)
        photos[split, side, name] = photo
        _save(tmp_path / split / side / name, photo)
    return tmp_path, photos


def test_folder_is_paired_by_name(filmset: Filmset) -> None:
    root, photos = filmset
    source = open_pairs(str(root), "train", "ClassNeg")
    assert list(source.names) == ["DSCF01200 iso1600", "b", "c"]
    assert len(source) == 3
    pair = source[1]
    assert pair.name == "b"
    assert pair.clean is None
    np.testing.assert_array_equal(pair.input, photos["train", "input", "b.tif"])
    np.testing.assert_array_equal(pair.target, photos["train", "ClassNeg", "b.png"])
    test = open_pairs(str(root), "test", "ClassNeg")[0]
    np.testing.assert_array_equal(test.input, photos["test", "input", "b.png"])


def test_a_folder_in_a_bucket(filmset: Filmset, bucket: epath.Path) -> None:
    root, photos = filmset
    for path in root.rglob("*.*"):
        (bucket / path.relative_to(root)).write_bytes(path.read_bytes())
    source = open_pairs(str(bucket), "train", "ClassNeg")
    assert list(source.names) == ["DSCF01200 iso1600", "b", "c"]
    np.testing.assert_array_equal(source[1].input, photos["train", "input", "b.tif"])
    (bucket / "train" / "ClassNeg" / "b.png").write_bytes(b"")
    with pytest.raises(BrokenExample, match=f"{bucket}/train/ClassNeg/b.png"):
        source[1]
    with pytest.raises(UserError, match=r"no folder 'Velvia' in .*'ClassNeg', 'input'"):
        open_pairs(str(bucket), "train", "Velvia")


def test_shards_of_another_look_are_not_copied(
    prepared: Filmset, bucket: epath.Path, tmp_path: Path
) -> None:
    (bucket / "manifest.json").write_bytes((prepared[0] / "manifest.json").read_bytes())
    with pytest.raises(UserError, match=f"{bucket} was prepared with the look 'kodak.cube'"):
        open_pairs(str(bucket), "train", "velvia", str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_names_on_one_side_are_left_out_with_a_warning(
    filmset: Filmset, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    monkeypatch.setattr(pairs.logging, "warning", lambda text, *args: messages.append(text % args))
    open_pairs(str(filmset[0]), "train", "ClassNeg")
    assert len(messages) == 1
    assert "2 images have no partner" in messages[0]
    assert "alone.png" in messages[0]
    assert "forlorn.png" in messages[0]


@pytest.mark.parametrize(
    ("split", "look", "message"),
    [
        ("train", "Velvia", "no folder 'Velvia' in .*train; it holds 'ClassNeg', 'input'"),
        ("valid", "ClassNeg", "no folder 'valid' in .*; it holds 'test', 'train'"),
    ],
)
def test_unknown_split_or_look_lists_what_is_there(
    filmset: Filmset, split: str, look: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        open_pairs(str(filmset[0]), split, look)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        open_pairs(str(tmp_path / "nowhere"), "train", "ClassNeg")


def test_no_common_names_lists_some_of_both(tmp_path: Path, rng: np.random.Generator) -> None:
    photo = rng.integers(0, 256, (6, 8, 3), np.uint8)
    for index in range(7):
        _save(tmp_path / "train" / "input" / f"a{index}.png", photo)
        _save(tmp_path / "train" / "Cinema" / f"b{index}.png", photo)
    with pytest.raises(UserError, match=r"no common names .*'a0'.* and 2 more.*'b0'"):
        open_pairs(str(tmp_path), "train", "Cinema")


def test_empty_split_is_an_error(tmp_path: Path) -> None:
    for side in ("input", "Cinema"):
        (tmp_path / "train" / side).mkdir(parents=True)
    with pytest.raises(UserError, match=r"no images in .*train/input"):
        open_pairs(str(tmp_path), "train", "Cinema")


def test_raw_files_beside_developed_images_are_left_out(filmset: Filmset) -> None:
    root, _ = filmset
    (root / "train" / "input" / "b.NEF").write_bytes(b"raw")
    source = open_pairs(str(root), "train", "ClassNeg")
    assert source.names[1] == "b"
    assert source.paths(1)[0].name == "b.tif"


def test_one_name_twice_in_a_folder_is_an_error(filmset: Filmset, rng: np.random.Generator) -> None:
    root, _ = filmset
    _save(root / "train" / "input" / "b.png", rng.integers(0, 256, (6, 8, 3), np.uint8))
    with pytest.raises(UserError, match=r"b\.png and b\.tif"):
        open_pairs(str(root), "train", "ClassNeg")


def test_images_of_different_sizes_name_both(filmset: Filmset, rng: np.random.Generator) -> None:
    root, _ = filmset
    _save(root / "train" / "ClassNeg" / "c.tiff", rng.integers(0, 256, (8, 6, 3), np.uint8))
    source = open_pairs(str(root), "train", "ClassNeg")
    with pytest.raises(BrokenExample, match=r"c: .*c\.png is 8x6.*c\.tiff is 6x8") as broken:
        source[2]
    assert broken.value.name == "c"


def test_damaged_image_is_a_broken_pair(filmset: Filmset) -> None:
    root, _ = filmset
    path = root / "train" / "input" / "c.png"
    path.write_bytes(path.read_bytes()[:60])
    source = open_pairs(str(root), "train", "ClassNeg")
    with pytest.raises(BrokenExample, match=r"c: .*c\.png"):
        source[2]
    assert source[1].name == "b"


def _write_shard(root: Path, name: str, records: list[bytes]) -> tuple[Path, str]:
    path = root / name
    writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
    for record in records:
        writer.write(record)
    writer.close()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, digest


@pytest.fixture
def prepared(tmp_path: Path, rng: np.random.Generator) -> Filmset:
    """Two shards of two and three training pairs, and an empty test split."""
    photos = [rng.integers(0, 256, (2, 6 + i, 8, 3), np.uint8) for i in range(5)]
    records = [encode_record(f"p{i}", input=p[0], target=p[1]) for i, p in enumerate(photos)]
    shards = []
    for index, part in enumerate((slice(0, 2), slice(2, 5))):
        path, digest = _write_shard(tmp_path, f"train-{index}.arrayrecord", records[part])
        names = [f"p{i}" for i in range(5)][part]
        shapes = [p.shape[1:3] for p in photos[part]]
        shards.append(Shard(path.name, path.stat().st_size, digest, names, shapes))
    splits = {"train": shards, "test": []}
    write_shard_manifest(Manifest("kodak.cube", "crop", 6, "plan", splits), tmp_path)
    return tmp_path, photos


def test_shards_are_read_in_order(prepared: Filmset) -> None:
    root, photos = prepared
    source = open_pairs(str(root), "train", "looks/kodak.cube")
    assert list(source.names) == ["p0", "p1", "p2", "p3", "p4"]
    for index in (4, 0, 2):
        pair = source[index]
        assert pair.name == f"p{index}"
        np.testing.assert_array_equal(pair.input, photos[index][0])
        np.testing.assert_array_equal(pair.target, photos[index][1])


def test_shards_are_read_by_threads_at_once(prepared: Filmset) -> None:
    root, photos = prepared
    source = open_pairs(str(root), "train", "kodak.cube")
    indices = [index % 5 for index in range(400)]
    with ThreadPoolExecutor(8) as threads:
        for index, pair in zip(indices, threads.map(source.__getitem__, indices), strict=True):
            np.testing.assert_array_equal(pair.input, photos[index][0])


def test_shards_of_another_look_are_refused(prepared: Filmset) -> None:
    with pytest.raises(UserError, match=r"'kodak\.cube', not 'velvia'"):
        open_pairs(str(prepared[0]), "train", "velvia")


def test_empty_or_unknown_split_of_shards_is_an_error(prepared: Filmset) -> None:
    with pytest.raises(UserError, match=r"'test' .* is empty"):
        open_pairs(str(prepared[0]), "test", "kodak.cube")
    with pytest.raises(UserError, match=r"no split 'valid' .*train, test"):
        open_pairs(str(prepared[0]), "valid", "kodak.cube")


def test_truncated_or_missing_shard_is_named(prepared: Filmset) -> None:
    root, _ = prepared
    path = root / "train-1.arrayrecord"
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=rf"train-1\S* has {whole - 100} bytes.* {whole}"):
        open_pairs(str(root), "train", "kodak.cube")
    path.unlink()
    with pytest.raises(UserError, match=r"train-1\S* has 0 bytes"):
        open_pairs(str(root), "train", "kodak.cube")


def test_damaged_record_is_a_broken_pair_and_the_others_are_not(prepared: Filmset) -> None:
    root, photos = prepared
    path = root / "train-0.arrayrecord"
    content = bytearray(path.read_bytes())
    content[content.index(photos[1][1].tobytes())] ^= 0xFF
    path.write_bytes(content)
    source = open_pairs(str(root), "train", "kodak.cube")
    with pytest.raises(BrokenExample, match=r"p1: train-0\.arrayrecord"):
        source[1]
    np.testing.assert_array_equal(source[0].input, photos[0][0])


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 1, "splits": {"train": 3}}'])
def test_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json (is|holds)"):
        open_pairs(str(tmp_path), "train", "x")


def test_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 7}')
    with pytest.raises(UserError, match="format 7, but this version reads 1"):
        open_pairs(str(tmp_path), "train", "x")


def test_samples_are_rendered_once_and_repeat() -> None:
    source = open_pairs("samples", "test", "classic_neg")
    again = open_pairs("samples", "test", "classic_neg")
    pair = source[0]
    assert source[0] is pair
    np.testing.assert_array_equal(pair.target, again[0].target)
    look, seed = load_recipe("classic_neg"), photo_seed(pair.name)
    np.testing.assert_array_equal(pair.target, render_film(pair.input, look, seed))
    assert pair.clean is not None
    assert not np.array_equal(pair.clean, pair.target)
    np.testing.assert_array_equal(pair.clean, render_film(pair.input, look, seed, grain=False))


def test_samples_of_both_splits_share_no_name() -> None:
    train, test = (open_pairs("samples", split, "classic_neg") for split in ("train", "test"))
    assert not set(train.names) & set(test.names)
