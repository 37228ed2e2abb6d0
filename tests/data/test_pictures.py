"""Pictures without a class: folders of all sorts, prepared ones, drawn ones, targets of pairs."""

import json

import numpy as np
import pytest
from pictures import exif_of
from PIL import Image
from scipy import ndimage
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pipeline import train_batches
from cinegan_jax.data.shapes import DrawnShapes
from cinegan_jax.data.sources import open_pictures, open_source
from cinegan_jax.data.transforms import centre_square
from cinegan_jax.prepare import plan
from cinegan_jax.prepare.plan import Settings, make_plan
from cinegan_jax.prepare.prepare import prepare


def _photo(rng, height=24, width=30):
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (2, 2, 0))
    return np.rint(255 * (noise / abs(noise).max() + 1) / 2).astype(np.uint8)


def _save(path, photo, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(path, **options)


def _open(path, split="train", **arguments):
    return open_pictures(str(path), split, **{"size": 16, **arguments})


def _prepare(source, out, **settings):
    settings = Settings(**{"size": 16, "resize": "centre", "pictures": True, **settings})
    return prepare(str(source), out, settings, 1, lambda done, total: None)


def _names(path, **arguments):
    return {split: list(_open(path, split, **arguments).names) for split in ("train", "test")}


@pytest.fixture
def folder(tmp_path, rng):
    """Forty pictures in nested folders with spaces in their names, by name."""
    photos = {f"my trip/day {i % 3}/IMG {i:03d}.png": _photo(rng) for i in range(40)}
    for name, photo in photos.items():
        _save(tmp_path / "photos" / name, photo)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / ".thumbs").mkdir()
    _save(tmp_path / "photos" / ".thumbs" / "a.png", _photo(rng))
    return tmp_path / "photos", photos


def test_a_folder_is_searched_and_each_picture_is_on_one_side(folder):
    root, photos = folder
    names = _names(root)
    assert sorted(names["train"] + names["test"]) == sorted(photos)
    assert 1 <= len(names["test"]) <= 12
    source = _open(root)
    for index, name in enumerate(source.names):
        picture = source[index]
        assert (picture.name, list(picture.arrays)) == (name, ["target"])
        np.testing.assert_array_equal(picture.target, photos[name])


def test_a_picture_keeps_its_side_when_others_come(folder, rng):
    root, _ = folder
    before = _names(root)
    for index in range(30):
        _save(root / f"new {index}.png", _photo(rng))
    after = _names(root)
    assert all(set(before[split]) < set(after[split]) for split in before)


def test_folders_named_train_and_test_are_the_splits(tmp_path, rng):
    for name in ("train/x/a.png", "train/b.png", "test/a.png"):
        _save(tmp_path / name, _photo(rng))
    assert _names(tmp_path) == {"train": ["b.png", "x/a.png"], "test": ["a.png"]}


def test_a_folder_of_pictures_in_a_bucket(folder, bucket):
    root, photos = folder
    for name in list(photos)[:6]:
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_bytes((root / name).read_bytes())
    names = _names(bucket)
    assert sorted(names["train"] + names["test"]) == sorted(list(photos)[:6])
    source = _open(bucket)
    np.testing.assert_array_equal(source[0].target, photos[source.names[0]])


@pytest.fixture(params=["txt", "csv"])
def celeba(tmp_path, rng, request):
    """CelebA's layout, made up: aligned JPEGs of 178x218 and the list beside their folder."""
    root = tmp_path / "celeba"
    numbers = [0, 0, 0, 1, 2, 0, 2, 1]
    comma, head = (",", "image_id,partition\n") if request.param == "csv" else (" ", "")
    lines = [f"{i + 1:06d}.jpg{comma}{number}\n" for i, number in enumerate(numbers)]
    for index in range(len(numbers)):
        path = root / "img_align_celeba" / f"{index + 1:06d}.jpg"
        _save(path, _photo(rng, 218, 178), quality=95)
    (root / f"list_eval_partition.{request.param}").write_text(head + "".join(lines))
    return root / "img_align_celeba"


def test_celeba_is_split_as_its_list_says(celeba):
    assert _names(celeba) == {
        "train": ["000001.jpg", "000002.jpg", "000003.jpg", "000006.jpg"],
        "test": ["000005.jpg", "000007.jpg"],
    }


def test_celeba_is_prepared_as_centre_crops_of_178(celeba, tmp_path):
    made, rejected = _prepare(celeba, tmp_path / "out", size=64)
    assert not rejected
    assert (made.count("train"), made.count("test")) == (4, 2)
    source = _open(tmp_path / "out", "test", size=64)
    assert source.names == ["000005.jpg", "000007.jpg"]
    image = Image.open(celeba / "000005.jpg").crop((0, 20, 178, 198))
    expected = np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(source[0].target, expected)


def test_a_list_of_other_pictures_is_not_followed(folder):
    root, _ = folder
    expected = _names(root)
    (root / "list_eval_partition.txt").write_text("000001.jpg 2\n")
    assert _names(root) == expected


def test_prepared_pictures_are_those_of_the_folder(folder, tmp_path):
    root, photos = folder
    made, rejected = _prepare(root, tmp_path / "out")
    assert (made.kind, made.look) == ("pictures", "")
    assert [r.file for r in rejected] == [str(root / "notes.txt")]
    assert _names(tmp_path / "out") == _names(root)
    source = _open(tmp_path / "out")
    for index, name in enumerate(source.names):
        np.testing.assert_array_equal(source[index].target, centre_square(photos[name], 16))
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert content["kind"] == "pictures"
    assert sum(content["pictures"].values()) == 40


def test_preparing_pictures_by_command(folder, tmp_path):
    command = ["prepare", str(folder[0]), str(tmp_path / "out"), "--pictures", "--size=16"]
    for _ in range(2):  # the second time there is nothing left to do
        result = CliRunner().invoke(app, [*command, "--jobs=1"])
        assert result.exit_code == 0, result.output
        names = _names(folder[0])
        told = f"{len(names['train'])} training and {len(names['test'])} test pictures."
        assert told in result.output
    other = CliRunner().invoke(app, [*command, "--resize=squash", "--jobs=1"])
    assert other.exit_code != 0


class _Killed(BaseException):
    """Stands for a kill between two pictures."""


def test_an_interrupted_preparation_goes_on(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "PICTURES_A_SHARD", 4)
    whole, _ = _prepare(folder[0], tmp_path / "whole")

    def die(done, total):
        if done == 9:
            raise _Killed

    settings = Settings(size=16, resize="centre", pictures=True)
    with pytest.raises(_Killed):
        prepare(str(folder[0]), tmp_path / "cut", settings, 1, die)
    assert prepare(str(folder[0]), tmp_path / "cut", settings, 1, lambda d, t: None)[0] == whole


def test_what_a_camera_or_a_program_wrote_is_read_as_it_looks(tmp_path, rng):
    photo, root = _photo(rng, 40, 40), tmp_path / "odd"
    image = Image.fromarray(photo)
    root.mkdir()
    grey = np.asarray(image.convert("L"))
    image.transpose(Image.Transpose.ROTATE_90).save(root / "turned.png", exif=exif_of(6))
    image.convert("L").save(root / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(root / "sixteen.png")
    image.convert("CMYK").save(root / "cmyk.tif")
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
    np.testing.assert_allclose(found["alpha.png"], (photo + 254.0) / 2, atol=2)


def test_what_cannot_serve_is_left_out_and_says_why(tmp_path, rng):
    root = tmp_path / "photos"
    _save(root / "good.png", _photo(rng))
    _save(root / "small.png", _photo(rng, 12, 40))
    _save(root / "cut.png", _photo(rng))
    (root / "cut.png").write_bytes((root / "cut.png").read_bytes()[:600])
    (root / "empty.jpg").write_bytes(b"")
    _, rejected = _prepare(root, tmp_path / "out", test_fraction=0.0)
    assert _open(tmp_path / "out").names == ["good.png"]
    reasons = {rejection.file.rsplit("/")[-1]: rejection.reason for rejection in rejected}
    assert set(reasons) == {"small.png", "cut.png", "empty.jpg"}
    assert "40x12 is too small" in reasons["small.png"]


def test_a_broken_picture_of_a_folder_is_replaced_in_training(folder):
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
    assert batches.get_state()["pictures"] == len(source)


@pytest.mark.parametrize("crop", ["short_side", "centre", "crop", "squash"])
def test_crops_of_pictures(crop, rng):
    """Windows of the whole height, or of 16 pixels, or all of a wide picture, mirrored or not."""
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, :, None] * 5, (32, 48, 3))

    class Ramps(DrawnShapes):
        def __getitem__(self, index):
            return super().__getitem__(index)._replace(target=ramp)

    batches = train_batches(Ramps("test", 8), size=16, crop=crop, batch_size=64, seed=0)
    lows = {(int(t[8].min()), int(t[8].max())) for t in next(batches)["target"][..., 0]}
    batches.close()
    spans = {high - low for low, high in lows}
    steps = {"short_side": (145, 160), "centre": (145, 160), "crop": (75, 75), "squash": (220, 240)}
    least, most = steps[crop]
    assert all(least <= span <= most for span in spans)
    assert (len(lows) > 1) == (crop in ("short_side", "crop"))


def test_pictures_of_pairs_are_their_targets(tmp_path, rng):
    for split, count in (("train", 3), ("test", 1)):
        for side in ("input", "Look"):
            for index in range(count):
                _save(tmp_path / "pairs" / split / side / f"{index}.png", _photo(rng))
    settings = Settings("Look", 24)
    with pytest.raises(UserError, match=r"say by data\.look which folder"):
        _open(tmp_path / "pairs")
    pictures = _open(tmp_path / "pairs", look="Look")
    pairs = open_source("pairs", str(tmp_path / "pairs"), "train", size=24, look="Look")
    assert (pictures.kind, len(pictures), pictures.names) == ("pictures", 3, pairs.names)
    np.testing.assert_array_equal(pictures[1].target, pairs[1].target)
    for side in ("input", "Look"):  # the same scene, so that they may be prepared
        _save(tmp_path / "pairs" / "train" / side / "0.png", _photo(np.random.default_rng(0)))
    prepare(str(tmp_path / "pairs"), tmp_path / "out", settings, 1, lambda d, t: None)
    prepared = _open(tmp_path / "out")
    assert prepared.names == ["0"]
    with pytest.raises(UserError, match="prepared with the look 'Look', not 'Velvia'"):
        _open(tmp_path / "out", look="Velvia")


def test_pictures_are_no_pairs(folder, tmp_path):
    _prepare(folder[0], tmp_path / "out")
    with pytest.raises(UserError, match="holds pictures, prepared without partners, and pairs"):
        open_source("pairs", str(tmp_path / "out"), "train", size=16)
    with pytest.raises(UserError, match="'shapes' holds pictures, and this family learns from"):
        open_source("pairs", "shapes", "train", size=16)


def test_the_embedded_sets():
    assert len(_open("shapes", "test")) == 1_000
    assert _open("shapes", size=32)[0].target.shape == (32, 32, 3)
    samples = _open("samples", "test")
    assert samples[0] is samples[0]
    photos = open_source("pairs", "samples", "test", size=16, look="velvia")
    np.testing.assert_array_equal(samples[0].target, photos[0].input)


@pytest.mark.parametrize(
    ("path", "split", "message"),
    [
        ("nowhere", "train", "no folder '.*nowhere': give a folder of pictures, 'shapes' or"),
        ("", "valid", "no split 'valid'"),
        ("empty", "train", "the split 'train' of .*empty is empty"),
    ],
)
def test_what_is_not_there_is_named(folder, path, split, message):
    (folder[0] / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        _open(folder[0] / path, split)


@pytest.mark.parametrize(
    "settings", [{"look": "velvia"}, {"variants": 2}, {"grain": False}, {"halation": 0.0}]
)
def test_pictures_have_no_look(folder, settings):
    with pytest.raises(UserError, match="--pictures prepares pictures as they are"):
        make_plan(str(folder[0]), Settings(**{"pictures": True, **settings}))


def test_a_manifest_from_before_there_were_pictures_holds_pairs(tmp_path, rng):
    photo = _photo(rng)
    for side in ("input", "target"):
        _save(tmp_path / "pairs" / side / "a.png", photo)
    settings = Settings(size=24, test_fraction=0.0)
    prepare(str(tmp_path / "pairs"), tmp_path / "out", settings, 1, lambda d, t: None)
    path = tmp_path / "out" / "manifest.json"
    content = json.loads(path.read_text())
    assert content.pop("kind") == "pairs"
    path.write_text(json.dumps(content))
    source = open_source("pairs", str(tmp_path / "out"), "train", size=24, look="target")
    np.testing.assert_array_equal(source[0].input, photo)
