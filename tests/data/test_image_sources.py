"""Single images: from folders of any layout, prepared ones, drawn ones, and targets of pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from etils import epath
from image_folders import Photos, save_photo, smooth_photo, write_celeba, write_trip

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.images import ImageSource, SingleImage
from cinegan_jax.data.pipeline import train_batches
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.data.sources import open_images, open_source
from cinegan_jax.prepare.prepare import prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings

Folder = tuple[Path, Photos]


def _open(path: Any, split: str = "train", **arguments: Any) -> ImageSource:
    return open_images(str(path), split, **{"size": 16, **arguments})


def _names(path: Any, **arguments: Any) -> dict[str, list[str]]:
    return {split: list(_open(path, split, **arguments).names) for split in ("train", "test")}


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Folder:
    """Forty photos in nested folders with spaces in their names, by name."""
    return write_trip(tmp_path / "photos", rng)


def test_a_folder_is_searched_and_each_image_is_in_one_split(folder: Folder) -> None:
    root, photos = folder
    names = _names(root)
    assert sorted(names["train"] + names["test"]) == sorted(photos)
    assert 1 <= len(names["test"]) <= 12
    source = _open(root)
    for index, name in enumerate(source.names):
        image = source[index]
        assert (image.name, list(image.arrays)) == (name, ["target"])
        np.testing.assert_array_equal(image.target, photos[name])


def test_an_image_keeps_its_split_when_others_are_added(
    folder: Folder, rng: np.random.Generator
) -> None:
    root, _ = folder
    before = _names(root)
    for index in range(30):
        save_photo(root / f"new {index}.png", smooth_photo(rng))
    after = _names(root)
    assert all(set(before[split]) < set(after[split]) for split in before)


def test_folders_named_train_and_test_are_the_splits(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for name in ("train/x/a.png", "train/b.png", "test/a.png"):
        save_photo(tmp_path / name, smooth_photo(rng))
    assert _names(tmp_path) == {"train": ["b.png", "x/a.png"], "test": ["a.png"]}


def test_raw_files_beside_developed_images_are_left_out(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for name in ("train/a.png", "train/b.jpg", "test/c.png"):
        save_photo(tmp_path / name, smooth_photo(rng))
    for name in ("train/a.CR2", "train/b.dng", "test/lone.nef"):
        (tmp_path / name).write_bytes(b"raw")
    assert _names(tmp_path) == {"train": ["a.png", "b.jpg"], "test": ["c.png", "lone.nef"]}


def test_a_folder_of_images_in_a_bucket(folder: Folder, bucket: epath.Path) -> None:
    root, photos = folder
    for name in list(photos)[:6]:
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_bytes((root / name).read_bytes())
    names = _names(bucket)
    assert sorted(names["train"] + names["test"]) == sorted(list(photos)[:6])
    source = _open(bucket)
    np.testing.assert_array_equal(source[0].target, photos[source.names[0]])


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_celeba_is_split_by_its_list(tmp_path: Path, rng: np.random.Generator, ending: str) -> None:
    assert _names(write_celeba(tmp_path, rng, ending)) == {
        "train": ["000001.jpg", "000002.jpg", "000003.jpg", "000006.jpg"],
        "test": ["000005.jpg", "000007.jpg"],
    }


def test_a_list_of_other_images_is_ignored(folder: Folder) -> None:
    root, _ = folder
    expected = _names(root)
    (root / "list_eval_partition.txt").write_text("000001.jpg 2\n")
    assert _names(root) == expected


def test_a_broken_image_of_a_folder_is_replaced_in_training(folder: Folder) -> None:
    root, _ = folder
    source = _open(root)
    broken = source.names[4]
    (root / broken).write_bytes(b"\x89PNG")
    with pytest.raises(BrokenExample, match="day"):
        source[4]
    batches = train_batches(
        source, size=16, crop="short_side", batch_size=8, seed=0, corrupt_ceiling=0.1
    )
    taken = [next(batches) for _ in range(8)]
    batches.close()
    assert list(batches.broken) == [broken]
    assert all({k: v.shape for k, v in b.items()} == {"target": (8, 16, 16, 3)} for b in taken)
    assert batches.get_state()["images"] == len(source)


def test_a_position_saved_before_images_had_their_name_is_resumed() -> None:
    def batches() -> Any:
        return train_batches(DrawnShapes("test", 8), size=8, crop="squash", batch_size=4, seed=0)

    first = batches()
    for _ in range(3):
        next(first)
    state = first.get_state()
    older = {("pictures" if key == "images" else key): value for key, value in state.items()}
    assert older["pictures"] == 1_000
    resumed = batches()
    resumed.set_state(older)
    np.testing.assert_array_equal(next(resumed)["target"], next(first)["target"])
    first.close()
    resumed.close()


@pytest.mark.parametrize("crop", ["short_side", "centre", "crop", "squash"])
def test_crops_of_images(crop: str) -> None:
    """Crops show the whole height, or 16 pixels, or all of a wide image, mirrored or not."""
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, :, None] * 5, (32, 48, 3))

    class Ramps(DrawnShapes):
        def __getitem__(self, index: int) -> SingleImage:
            return super().__getitem__(index)._replace(target=ramp)

    batches = train_batches(Ramps("test", 8), size=16, crop=crop, batch_size=64, seed=0)
    lows = {(int(t[8].min()), int(t[8].max())) for t in next(batches)["target"][..., 0]}
    batches.close()
    spans = {high - low for low, high in lows}
    steps = {"short_side": (145, 160), "centre": (145, 160), "crop": (75, 75), "squash": (220, 240)}
    least, most = steps[crop]
    assert all(least <= span <= most for span in spans)
    assert (len(lows) > 1) == (crop in ("short_side", "crop"))


def test_images_of_pairs_are_their_targets(tmp_path: Path, rng: np.random.Generator) -> None:
    root = tmp_path / "pairs"
    for split, count in (("train", 3), ("test", 1)):
        for side in ("input", "Look"):
            for index in range(count):
                save_photo(root / split / side / f"{index}.png", smooth_photo(rng))
    with pytest.raises(UserError, match=r"set data\.look to the folder"):
        _open(root)
    images = _open(root, look="Look")
    pairs = open_source("pairs", str(root), "train", size=24, look="Look")
    assert (images.kind, len(images), images.names) == ("images", 3, pairs.names)
    np.testing.assert_array_equal(images[1].target, pairs[1].target)
    for side in ("input", "Look"):  # the same scene, so that the pair can be prepared
        save_photo(root / "train" / side / "0.png", smooth_photo(np.random.default_rng(0)))
    prepare_shards(
        str(root), tmp_path / "out", PrepareSettings("Look", 24), 1, lambda done, total: None
    )
    prepared = _open(tmp_path / "out")
    assert prepared.names == ["0"]
    with pytest.raises(UserError, match="prepared with the look 'Look', not 'Velvia'"):
        _open(tmp_path / "out", look="Velvia")


def test_images_are_no_pairs(folder: Folder, tmp_path: Path) -> None:
    settings = PrepareSettings(size=16, resize="centre", images=True)
    prepare_shards(str(folder[0]), tmp_path / "out", settings, 1, lambda done, total: None)
    with pytest.raises(UserError, match="holds images, but this family learns from pairs"):
        open_source("pairs", str(tmp_path / "out"), "train", size=16)
    with pytest.raises(UserError, match="'shapes' holds images, but this family learns from pairs"):
        open_source("pairs", "shapes", "train", size=16)


def test_the_embedded_sets() -> None:
    assert len(_open("shapes", "test")) == 1_000
    assert _open("shapes", size=32)[0].target.shape == (32, 32, 3)
    samples = _open("samples", "test")
    assert samples[0] is samples[0]
    photos = open_source("pairs", "samples", "test", size=16, look="velvia")
    np.testing.assert_array_equal(samples[0].target, photos[0].input)


@pytest.mark.parametrize(
    ("path", "split", "message"),
    [
        ("nowhere", "train", "no folder '.*nowhere': give a folder of images, 'shapes' or"),
        ("my trip/day 1/IMG 001.png", "train", r"no folder '.*IMG 001\.png'"),
        ("", "valid", "no split 'valid'"),
        ("empty", "train", "the split 'train' of .*empty is empty"),
    ],
)
def test_what_does_not_exist_is_named(folder: Folder, path: str, split: str, message: str) -> None:
    (folder[0] / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        _open(folder[0] / path, split)
