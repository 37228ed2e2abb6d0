"""`cinegan prepare`: contents of shards, rejected files, and continuing after an interruption."""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crashing_desk
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.data.pairs import open_pairs
from cinegan_jax.data.transforms import RESIZES, fit_short_side
from cinegan_jax.film.exposure_variants import vary
from cinegan_jax.film.render import load_recipe, photo_seed, render_film
from cinegan_jax.photos import photo_process
from cinegan_jax.photos.decode import decode
from cinegan_jax.prepare import plan, worker_pool
from cinegan_jax.prepare.plan import PlannedShard, make_plan
from cinegan_jax.prepare.prepare import OnProgress, Prepared, prepare_shards
from cinegan_jax.prepare.settings import PrepareSettings

LOOK = "classic_neg"


def _photo(rng: np.random.Generator, height: int = 48, width: int = 64) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width, 3)), (3, 3, 0))
    levels = noise / np.abs(noise).max() + (noise[..., :1] > 0)
    return np.rint(255 * (levels + 1) / 3).astype(np.uint8)


def _save(path: Path, photo: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(path)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve photos in two folders."""
    for index in range(12):
        _save(tmp_path / "photos" / f"trip {index % 2}" / f"{index:02d}.PNG", _photo(rng))
    return tmp_path / "photos"


def _prepare(
    source: Path | str,
    out: Path,
    jobs: int = 1,
    progress: OnProgress = lambda done, total: None,
    **changes: Any,
) -> Prepared:
    settings = PrepareSettings(**{"look": LOOK, "size": 32, "test_fraction": 0.25, **changes})
    return prepare_shards(str(source), out, settings, jobs, progress)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rejected(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("resize", list(RESIZES))
def test_photos_become_rendered_pairs(photos: Path, tmp_path: Path, resize: str) -> None:
    out = tmp_path / "out"
    made, rejected = _prepare(photos, out, resize=resize)
    assert not rejected
    assert made.count("train") + made.count("test") == 12
    shape = (32, 43, 3) if resize == "crop" else (32, 32, 3)
    look = load_recipe(LOOK)
    for split in ("train", "test"):
        source = open_pairs(str(out), split, LOOK)
        assert len(source) == made.count(split) > 0
        for index, name in enumerate(source.names):
            pair = source[index]
            photo = RESIZES[resize](decode(photos / f"{name}.PNG"), 32)
            assert photo.shape == shape
            np.testing.assert_array_equal(pair.input, photo)
            seed = photo_seed(name)
            np.testing.assert_array_equal(pair.target, render_film(photo, look, seed))
            if split == "train":
                assert pair.clean is None
            else:
                clean = render_film(photo, look, seed, grain=False)
                np.testing.assert_array_equal(pair.clean, clean)


def test_variants_of_training_photos_without_grain(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made, _ = _prepare(photos, out, variants=3, grain=False)
    plain = [name for name in open_pairs(str(out), "train", LOOK).names if "~" not in name]
    assert made.count("train") == 3 * len(plain)
    assert not any("~" in name for name in open_pairs(str(out), "test", LOOK).names)
    look, train = load_recipe(LOOK), open_pairs(str(out), "train", LOOK)
    for index, name in enumerate(train.names):
        pair, (stem, _, variant) = train[index], name.partition("~")
        photo = RESIZES["crop"](decode(photos / f"{stem}.PNG"), 32)
        expected = vary(photo, photo_seed(name)) if variant else photo
        np.testing.assert_array_equal(pair.input, expected)
        np.testing.assert_array_equal(pair.target, render_film(expected, look, 0, grain=False))


@pytest.mark.parametrize("halation", [0.0, 3.0])
def test_halation_is_a_multiple_of_the_look_s(
    photos: Path, tmp_path: Path, halation: float
) -> None:
    _prepare(photos, tmp_path / "out", grain=False, halation=halation)
    look = load_recipe(LOOK)
    stronger = dataclasses.replace(look, halation_strength=halation * look.halation_strength)
    pairs = open_pairs(str(tmp_path / "out"), "train", LOOK)
    for pair in (pairs[index] for index in range(len(pairs))):
        expected = render_film(pair.input, stronger, 0, grain=False, halation=halation > 0)
        np.testing.assert_array_equal(pair.target, expected)


def test_a_halation_below_none_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--halation is -1.0: it must be 0 or more"):
        _prepare(photos, tmp_path / "out", halation=-1.0)


@pytest.mark.parametrize("setting", [{"variants": 2}, {"grain": False}, {"halation": 0.0}])
def test_pairs_have_no_variants_and_their_own_grain(
    tmp_path: Path, rng: np.random.Generator, setting: dict[str, Any]
) -> None:
    for folder in ("input", "target"):
        _save(tmp_path / "pairs" / folder / "a.png", _photo(rng))
    with pytest.raises(UserError, match="are for photos that a film look is rendered on"):
        _prepare(tmp_path / "pairs", tmp_path / "out", look="", **setting)


def test_manifest_says_what_was_made(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _prepare(photos, out)
    content = json.loads((out / "manifest.json").read_text())
    assert content["pairs"]["train"] + content["pairs"]["test"] == 12
    assert (content["look"], content["size"], content["resize"]) == (LOOK, 32, "crop")
    for shards in content["splits"].values():
        for shard in shards:
            path = out / shard["file"]
            assert sha256(path) == shard["sha256"]
            assert path.stat().st_size == shard["bytes"]
            assert shard["shapes"] == [[32, 43]]
    written = {path.name for path in out.iterdir()}
    listed = {shard["file"] for shards in content["splits"].values() for shard in shards}
    assert written == listed | {"manifest.json", "rejected.jsonl"}


def test_every_file_left_out_is_named_with_its_reason(
    photos: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    _save(photos / "small.png", _photo(rng, 20, 64))
    (photos / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (photos / "notes.txt").write_text("hello")
    _save(photos / "trip 0" / "00.tif", _photo(rng))
    out = tmp_path / "out"
    made, rejected = _prepare(photos, out)
    assert made.count("train") + made.count("test") == 12
    assert len(rejected) == 4
    reasons = {Path(line["file"]).name: line["reason"] for line in _rejected(out)}
    assert "64x20" in reasons.pop("small.png")
    assert "cut.jpg" in reasons.pop("cut.jpg")
    assert "not an image of a supported format" in reasons.pop("notes.txt")
    assert "00.PNG" in reasons.pop("00.tif")
    assert not reasons


def test_a_photo_keeps_its_split_when_others_come(
    photos: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    _prepare(photos, tmp_path / "few")
    for index in range(20):
        _save(photos / f"new{index}.png", _photo(rng))
    _prepare(photos, tmp_path / "many")
    for split in ("train", "test"):
        few, many = (open_pairs(str(tmp_path / n), split, LOOK) for n in ("few", "many"))
        assert set(few.names) <= set(many.names)


def test_test_fraction_is_about_kept() -> None:
    items = [plan.PlannedExample(f"DSC_{index:04d}", Path()) for index in range(4000)]
    assert len(plan._split(items, 0.1)["test"]) == pytest.approx(400, abs=60)
    assert [len(side) for side in plan._split(items[:2], 1e-9).values()] == [1, 1]
    assert not plan._split(items, 0.0)["test"]


@pytest.mark.parametrize("layout", ["filmset", "before and after"])
def test_pairs_are_taken_as_they_are(tmp_path: Path, rng: np.random.Generator, layout: str) -> None:
    root = tmp_path / "pairs"
    look = "ClassNeg" if layout == "filmset" else ""
    pairs = {}
    for index in range(6):
        folder = root / ("train" if index < 4 else "test") if look else root
        pairs[f"{index} a"] = _photo(rng, 32, 40), None
        after = 255 - pairs[f"{index} a"][0] // 2
        pairs[f"{index} a"] = pairs[f"{index} a"][0], after
        _save(folder / "input" / f"{index} a.png", pairs[f"{index} a"][0])
        _save(folder / (look or "target") / f"{index} a.png", after)
    out = tmp_path / "out"
    made, rejected = _prepare(root, out, look=look)
    assert not rejected
    assert made.look == (look or "target")
    if look:
        assert (made.count("train"), made.count("test")) == (4, 2)
    seen = []
    for split in ("train", "test"):
        source = open_pairs(str(out), split, made.look)
        for index, name in enumerate(source.names):
            seen.append(name)
            pair = source[index]
            np.testing.assert_array_equal(pair.input, pairs[name][0])
            np.testing.assert_array_equal(pair.target, pairs[name][1])
            assert pair.clean is None
    assert sorted(seen) == sorted(pairs)


@pytest.mark.parametrize(("present", "missing"), [("train", "test"), ("test", "train")])
@pytest.mark.parametrize("as_file", [False, True])
def test_a_missing_split_of_pairs_is_named(
    tmp_path: Path, rng: np.random.Generator, present: str, missing: str, as_file: bool
) -> None:
    root = tmp_path / "pairs"
    for side in ("input", "ClassNeg"):
        _save(root / present / side / "a.png", _photo(np.random.default_rng(0)))
    if as_file:
        (root / missing).write_text("not a folder")
    message = f"no folder '{missing}' in {root}, which has '{present}': .*{root / present},"
    with pytest.raises(UserError, match=message):
        _prepare(root, tmp_path / "out", look="ClassNeg")
    assert not (tmp_path / "out").exists()
    made, _ = _prepare(root / present, tmp_path / "out", look="ClassNeg")  # as the message says
    assert made.count("train") == 1


@pytest.mark.parametrize("side", ["input", "ClassNeg"])
@pytest.mark.parametrize("fault", ["missing", "a file", "empty"])
def test_a_faulty_folder_in_one_split_of_pairs_is_named(
    tmp_path: Path, rng: np.random.Generator, side: str, fault: str
) -> None:
    root = tmp_path / "pairs"
    for split in ("train", "test"):
        for each in ("input", "ClassNeg"):
            _save(root / split / each / "a.png", _photo(rng))
    faulty = root / "test" / side
    (faulty / "a.png").unlink()
    if fault != "empty":
        faulty.rmdir()
    if fault == "a file":
        faulty.write_text("not a folder")
    message = f"no images in {faulty}" if fault == "empty" else f"no folder '{side}' in .*test; it"
    with pytest.raises(UserError, match=message):
        _prepare(root, tmp_path / "out", look="ClassNeg")


def test_a_file_in_place_of_the_source_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    _save(tmp_path / "a.png", _photo(rng))
    with pytest.raises(UserError, match=r"no folder '.*a\.png': give a folder"):
        _prepare(tmp_path / "a.png", tmp_path / "out")


def test_the_look_of_pairs_without_splits_is_named_where_it_is_missing(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    _save(tmp_path / "pairs" / "input" / "a.png", _photo(rng))
    with pytest.raises(UserError, match=r"no folder 'target' in .*pairs; it holds 'input'"):
        _prepare(tmp_path / "pairs", tmp_path / "out", look="")


def test_raw_files_beside_developed_photos_are_left_out(photos: Path, tmp_path: Path) -> None:
    raw = photos / "trip 0" / "00.CR2"
    raw.write_bytes(b"raw")
    made, rejected = _prepare(photos, tmp_path / "out")
    assert made.count("train") + made.count("test") == 12
    assert [each.file for each in rejected] == [str(raw)]
    assert "RAW" in rejected[0].reason


def test_pairs_that_do_not_fit_together_are_left_out(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    root, out = tmp_path / "pairs", tmp_path / "out"
    scene = _photo(rng, 120, 160)
    before = scene[10:110, 10:150]
    for name, after in {
        "good": before,
        "moved": scene[13:113, 6:146],
        "other": _photo(rng, 100, 140),
        "narrow": before[:, :-1],
    }.items():
        _save(root / "input" / f"{name}.png", before)
        _save(root / "target" / f"{name}.png", after)
    _save(root / "input" / "lone.png", before)
    (root / "target" / "notes.txt").write_text("no image")
    made, _ = _prepare(root, out, look="", size=100, test_fraction=0)
    assert open_pairs(str(out), "train", "target").names == ["good"]
    assert made.count("test") == 0
    reasons = {Path(line["file"]).stem: line["reason"] for line in _rejected(out)}
    assert "+4.0 pixels right and -3.0 down" in reasons["moved"]
    assert "same scene" in reasons["other"]
    assert "140x100" in reasons["narrow"]
    assert "139x100" in reasons["narrow"]
    assert "no partner" in reasons["lone"]
    assert "not an image of a supported format" in reasons["notes"]


def test_embedded_samples_are_prepared(tmp_path: Path) -> None:
    made, rejected = _prepare("samples", tmp_path / "out", size=64)
    assert not rejected
    assert made.count("train") == len(open_pairs("samples", "train", LOOK))
    assert made.count("test") == len(open_pairs("samples", "test", LOOK))


def test_worker_processes_write_the_same_bytes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PAIRS_PER_SHARD", 3)
    reported = []
    one, _ = _prepare(photos, tmp_path / "one")
    two, _ = _prepare(
        photos, tmp_path / "two", 2, lambda done, total: reported.append((done, total))
    )
    assert one == two
    assert reported[0] == (0, 12)
    assert reported[-1] == (12, 12)


class _Killed(BaseException):
    """Stands for a kill between two photos."""


def test_interrupted_preparation_goes_on_and_ends_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PAIRS_PER_SHARD", 2)
    whole, _ = _prepare(photos, tmp_path / "whole")

    def die_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise _Killed

    out = tmp_path / "out"
    with pytest.raises(_Killed):
        _prepare(photos, out, progress=die_at_seven)
    assert not (out / "manifest.json").exists()
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*.arrayrecord")}
    assert len(finished) == 3
    (out / ".train-00004-of-00005.arrayrecord.123.tmp").write_bytes(b"left by a killed run")
    reported = []
    resumed, _ = _prepare(photos, out, progress=lambda done, total: reported.append(done))
    assert reported[0] == 6
    assert resumed == whole
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written
    assert not list(out.glob(".*"))
    assert _prepare(photos, out).manifest == whole


def test_interrupted_workers_stop_at_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PAIRS_PER_SHARD", 6)

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        _prepare(photos, out, jobs=2, progress=interrupt)
    assert not list(out.glob(".*.tmp"))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("side", ["source", "out"])
def test_buckets_are_left_to_gcloud(photos: Path, tmp_path: Path, side: str) -> None:
    paths = {"source": str(photos), "out": tmp_path / "out"}
    paths[side] = type(paths[side])("gs://bucket/folder")
    with pytest.raises(UserError, match=r"lies in a bucket: .*gcloud storage cp"):
        prepare_shards(**paths, settings=PrepareSettings(look=LOOK), jobs=1, on_progress=print)


def test_another_plan_in_the_same_folder_is_refused(
    photos: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def die(done: int, total: int) -> None:
        raise _Killed

    with pytest.raises(_Killed):
        _prepare(photos, out, progress=die)
    with pytest.raises(UserError, match=r"unfinished .*size 32.*size 24"):
        _prepare(photos, out, size=24)
    _prepare(photos, out)
    with pytest.raises(UserError, match=r"prepared from other .*size 32, crop.*size 32, squash"):
        _prepare(photos, out, resize="squash")
    _save(photos / "new.png", _photo(rng))
    with pytest.raises(UserError, match="prepared from other photos"):
        _prepare(photos, out)


def test_killed_with_its_workers_it_leaves_no_process_and_no_half_shard(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    source, out = tmp_path / "photos", tmp_path / "out"
    for index in range(130):
        _save(source / f"{index:03d}.png", _photo(rng, 64, 96))
    command = [sys.executable, "-m", "cinegan_jax.cli", "prepare", str(source), str(out)]
    command += ["--look", LOOK, "--size", "64", "--jobs", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    _wait_for(lambda: list(out.glob(".*.arrayrecord.*.tmp")) or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for(lambda: not _running(process.pid))
    assert not _running(process.pid)
    for path in out.glob("*.arrayrecord"):
        report = out / ".unfinished" / f"{path.name}.json"
        if report.exists():
            assert sha256(path) == json.loads(report.read_text())["shard"]["sha256"]
    done = subprocess.run([*command[:-1], "1"], capture_output=True, text=True, check=True)
    assert "training and" in done.stdout
    assert not list(out.glob(".*"))
    assert len(open_pairs(str(out), "train", LOOK)) > 100


def _running(session: int) -> list[str]:
    found = subprocess.run(["ps", "-s", str(session), "-o", "pid="], capture_output=True, text=True)
    return found.stdout.split()


def _wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow past 40 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_leaves_nothing_half_written(
    photos: Path, tmp_path: Path, small_disk: None
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"cannot write .*arrayrecord: .*too large.*same command"):
        _prepare(photos, out)
    assert not list(out.glob("*.arrayrecord"))
    assert not list(out.glob(".*.tmp"))


def test_folder_that_cannot_be_made_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write into .*file"):
        _prepare(photos, tmp_path / "file" / "out")


def test_a_killed_worker_is_reported(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PAIRS_PER_SHARD", 6)
    monkeypatch.setattr(worker_pool, "_write", _die)
    with pytest.raises(UserError, match=r"worker process was killed.*--jobs"):
        _prepare(photos, tmp_path / "out", jobs=2)


def _die(shard: PlannedShard) -> None:
    os._exit(9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"look": ""}, "--look classic_neg"),
        ({"look": "no_such_look"}, "no_such_look.*velvia"),
        ({"size": 0}, "--size is 0"),
        ({"resize": "stretch"}, "no --resize 'stretch': choose one of crop, centre, squash, pad"),
        ({"test_fraction": 1.0}, "--test-fraction is 1.0"),
        ({"size": 999}, "all 12 files were left out .*64x48"),
    ],
)
def test_settings_that_cannot_be_are_named(
    photos: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        _prepare(photos, tmp_path / "out", **settings)


def test_a_source_without_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        _prepare(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image files"):
        _prepare(tmp_path / "empty", tmp_path / "out")


def test_after_all_photos_were_left_out_other_settings_may_follow(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="all 12"):
        _prepare(photos, out, size=999)
    assert len(_rejected(out)) == 12
    assert _prepare(photos, out).manifest.count("train") > 0


def test_plan_knows_when_the_lut_file_changed(photos: Path, tmp_path: Path) -> None:
    cube = tmp_path / "my.cube"
    digests = []
    for top in ("1.0", "0.9"):
        corners = [f"{r} {g} {b}" for b in "01" for g in "01" for r in ("0.0", top)]
        cube.write_text("LUT_3D_SIZE 2\n" + "\n".join(corners) + "\n")
        digests.append(make_plan(str(photos), PrepareSettings(look=str(cube))).digest)
    assert digests[0] != digests[1]


def test_command_prepares_and_says_what_it_did(photos: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(photos), str(tmp_path / "out"), "--look", LOOK, "--size", "32"]
    result = CliRunner().invoke(app, [*arguments, "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "training and" in result.output
    again = CliRunner().invoke(app, [*arguments, "--resize", "pad"])
    assert again.exit_code == 2
    assert "prepared from other photos" in again.output
    assert "Traceback" not in again.output


def test_workers_do_not_import_jax() -> None:
    code = (
        "import sys, cinegan_jax.cli, cinegan_jax.prepare.worker_pool; print('jax' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_large_photo_is_reduced_to_the_short_side(tmp_path: Path, rng: np.random.Generator) -> None:
    source = tmp_path / "photos"
    _save(source / "large.jpg", _photo(rng, 400, 600))
    _prepare(source, tmp_path / "out", size=40)
    pair = open_pairs(str(tmp_path / "out"), "train", LOOK)[0]
    expected = fit_short_side(decode(source / "large.jpg"), 40)
    assert pair.input.shape == expected.shape == (40, 60, 3)
    np.testing.assert_allclose(pair.input.astype(int), expected, atol=6)


@pytest.mark.parametrize("kind", ["photos", "pairs", "images"])
def test_files_that_crash_their_decoder_are_left_out(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    folder = photos / "trip 0"
    shutil.copy(folder / "00.PNG", folder / "decode_crash.PNG")
    if kind == "pairs":
        for name in ("input", "target"):
            shutil.copytree(folder, tmp_path / "pairs" / name)
        folder = tmp_path / "pairs"
    made, rejected = _prepare(
        folder, tmp_path / "out", images=kind == "images", look=LOOK if kind == "photos" else ""
    )
    assert made.count("train") + made.count("test") == 6
    (left_out,) = rejected
    assert Path(left_out.file).name == "decode_crash.PNG"
    assert "its decoder crashed (SIGABRT)" in left_out.reason
