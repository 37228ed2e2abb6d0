"""Layouts of pairs that people have: folders of many names, one folder, and images side by side."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_folders import save_photo, smooth_photo

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.prepare.prepare import prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings

NAMES = [f"img {number}" for number in range(8)]


def prepared_pairs(
    source: Path, out: Path, **settings: str | float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Prepare a source and read all pairs back by name."""
    given = PrepareSettings(**{"size": 24, "test_fraction": 0.3, **settings})  # type: ignore[arg-type]
    made, rejected = prepare_shards(str(source), out, given, 1, lambda done, total: None)
    assert rejected == []
    splits = [open_pairs(str(out), split, made.look) for split in SPLITS]
    assert all(len(split) for split in splits)
    return {pair.name: (pair.input, pair.target) for split in splits for pair in split}


def draw_pairs(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    photos = {name: smooth_photo(rng) for name in NAMES}
    return {name: (photo, 255 - photo // 2) for name, photo in photos.items()}


def assert_same(found: dict[str, tuple[np.ndarray, np.ndarray]], wanted: dict[str, tuple]) -> None:
    assert found.keys() == wanted.keys()
    for name, sides in wanted.items():
        for side, expected in zip(found[name], sides, strict=True):
            np.testing.assert_array_equal(side, expected)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("trainA", "trainB"), ("testA", "testB")),
        (("A/train", "B/train"), ("A/test", "B/test")),
        (("a", "b"), ("a", "b")),
        (("train/before", "train/after"), ("test/before", "test/after")),
        (("Before", "After"), ("Before", "After")),
        (("input/train", "target/train"), ("input/test", "target/test")),
    ],
)
def test_folders_of_pairs_are_found_by_their_names(
    train: tuple[str, str], test: tuple[str, str], tmp_path: Path, rng: np.random.Generator
) -> None:
    pairs = draw_pairs(rng)
    for number, (name, sides) in enumerate(pairs.items()):
        for folder, side in zip(train if number < 6 else test, sides, strict=True):
            save_photo(tmp_path / "src" / folder / f"{name}.png", side)
    assert_same(prepared_pairs(tmp_path / "src", tmp_path / "out"), pairs)


@pytest.mark.parametrize(
    ("names", "settings"),
    [
        (("{}_before", "{}_after"), {"input_name": "{}_before", "target_name": "{}_after"}),
        (("{}", "{} (film)"), {"target_name": "{} (film)"}),
        (("raw-{}", "{}"), {"input_name": "raw-{}"}),
    ],
)
def test_one_folder_is_paired_by_templates_of_names(
    names: tuple[str, str], settings: dict[str, str], tmp_path: Path, rng: np.random.Generator
) -> None:
    pairs = draw_pairs(rng)
    for name, sides in pairs.items():
        for template, side in zip(names, sides, strict=True):
            save_photo(tmp_path / "src" / f"{template.format(name)}.png", side)
    assert_same(prepared_pairs(tmp_path / "src", tmp_path / "out", **settings), pairs)


def test_targets_may_be_in_a_folder_of_their_own(tmp_path: Path, rng: np.random.Generator) -> None:
    pairs = draw_pairs(rng)
    for name, (before, after) in pairs.items():
        save_photo(tmp_path / "digital" / f"{name}.png", before)
        save_photo(tmp_path / "elsewhere" / "scans" / f"{name}_scan.png", after)
    found = prepared_pairs(
        tmp_path / "digital",
        tmp_path / "out",
        targets=str(tmp_path / "elsewhere" / "scans"),
        target_name="{}_scan",
    )
    assert_same(found, pairs)


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("splits", [("train", "test"), ("", "")])
def test_both_sides_of_one_image_are_a_pair(
    order: str, splits: tuple[str, str], tmp_path: Path, rng: np.random.Generator
) -> None:
    pairs = draw_pairs(rng)
    for number, (name, sides) in enumerate(pairs.items()):
        both = np.concatenate(sides if order == "ab" else sides[::-1], axis=1)
        save_photo(tmp_path / "src" / splits[number >= 6] / f"{name}.png", both)
    found = prepared_pairs(tmp_path / "src", tmp_path / "out", side_by_side=order)
    assert_same(found, pairs)


def test_an_image_of_odd_width_is_left_out(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in NAMES:
        save_photo(tmp_path / "src" / f"{name}.png", np.tile(smooth_photo(rng), (1, 2, 1)))
    save_photo(tmp_path / "src" / "odd.png", smooth_photo(rng, 24, 61))
    settings = PrepareSettings(size=24, test_fraction=0.3, side_by_side="ab")
    _, rejected = prepare_shards(
        str(tmp_path / "src"), tmp_path / "out", settings, 1, lambda done, total: None
    )
    assert [(Path(each.file).name, "61 pixels wide" in each.reason) for each in rejected] == [
        ("odd.png", True)
    ]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["trainA", "trainB"], "no folder 'testA' in .*, which has 'trainA'"),
        (["trainA", "trainB", "testA"], "no folder 'testB' in"),
        (["A/train", "B/train"], "no folder 'test' in .*A; it holds 'train'"),
        (["some/photos"], r"need a film look.*before/ and after/.*--side-by-side"),
    ],
)
def test_what_is_missing_of_a_layout_is_named(
    folders: list[str], message: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    for folder in folders:
        save_photo(tmp_path / "src" / folder / "a.png", smooth_photo(rng))
    with pytest.raises(UserError, match=re.compile(message, re.DOTALL)):
        prepared_pairs(tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"side_by_side": "left"}, "choose one of ab, ba"),
        ({"target_name": "after"}, "--target-name 'after' must contain {} once"),
        ({"targets": "nowhere"}, "--targets nowhere: no such folder"),
        ({"target_name": "{}_x"}, r"no images named \{\}_x in"),
    ],
)
def test_settings_of_layouts_that_cannot_be_are_named(
    settings: dict[str, str], message: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    save_photo(tmp_path / "src" / "a.png", smooth_photo(rng))
    with pytest.raises(UserError, match=message):
        prepared_pairs(tmp_path / "src", tmp_path / "out", **settings)


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        archive.writestr("input/a.png", b"")
    with pytest.raises(UserError, match=r"pairs\.zip.*unpack an archive first"):
        prepared_pairs(tmp_path / "pairs.zip", tmp_path / "out")
