"""Rejection of images, and that none is lost."""

import shutil
from pathlib import Path

import crashing_desk
import pytest
from misbehaving_site import image_file
from PIL import Image

from cinegan_jax.collect.clean import CleaningResult, ImageLimits, clean
from cinegan_jax.collect.records import Collection
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import read_json_lines
from cinegan_jax.photos import photo_process

SIZE = (200, 160)
PLAIN = image_file(1, SIZE, quality=95)


def fill(collection: Collection, files: dict[str, bytes]) -> None:
    collection.pictures.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (collection.pictures / name).write_bytes(content)


def run(collection: Collection, **limits: int) -> CleaningResult:
    return clean(collection, ImageLimits(**limits), 2, lambda done, total: None)


def reasons(collection: Collection) -> dict[str, str]:
    """Return the kind of rejection by file."""
    return {line["file"]: line["kind"] for line in read_json_lines(collection.rejections)}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_broken_small_grey_and_duplicate_images_are_rejected(
    collection: Collection, tmp_path: Path
) -> None:
    grey = Image.open(_saved(tmp_path, PLAIN)).convert("L").convert("RGB")
    grey.save(tmp_path / "grey.jpg")
    files = {
        "plain.jpg": PLAIN,
        "other.jpg": image_file(2, SIZE),
        "cut.jpg": PLAIN[:-2000],
        "no.jpg": b"<html>",
        "small.png": image_file(3, (200, 127), "png"),
        "grey.jpg": (tmp_path / "grey.jpg").read_bytes(),
        "less.jpg": image_file(1, (180, 144), quality=60),
    }
    fill(collection, files)
    result = run(collection)
    assert list(result.kept) == ["other.jpg", "plain.jpg"] == sorted(names(collection.pictures))
    assert reasons(collection) == {
        "cut.jpg": "broken",
        "no.jpg": "broken",
        "small.png": "small",
        "grey.jpg": "grey",
        "less.jpg": "near-duplicate",
    }
    for path in (*collection.pictures.iterdir(), *collection.rejected.iterdir()):
        assert path.read_bytes() == files.pop(path.name)
    assert not files


def test_reasons_name_the_kept_image_and_the_limit(collection: Collection) -> None:
    fill(
        collection, {"a.jpg": image_file(1, SIZE), "b.jpg": image_file(1, (220, 176)), "c.png": b""}
    )
    fill(collection, {"d.jpg": image_file(2, (20, 16))})
    reasons_by_file = {rejection.file: rejection.reason for rejection in run(collection).rejected}
    assert reasons_by_file["a.jpg"].startswith("like b.jpg: ")
    assert "--distance" in reasons_by_file["a.jpg"]
    assert reasons_by_file["d.jpg"] == "20x16 pixels, --least-side is 128"
    assert "c.png" in reasons_by_file


def test_other_limits_bring_images_back(collection: Collection) -> None:
    fill(collection, {"small.jpg": image_file(1, (100, 100)), "large.jpg": image_file(2, SIZE)})
    run(collection)
    assert names(collection.rejected) == {"small.jpg"}
    result = run(collection, least_side=64)
    assert list(result.kept) == ["large.jpg", "small.jpg"]
    assert names(collection.rejected) == set()
    assert reasons(collection) == {}


def test_images_rejected_by_hand_stay_rejected(collection: Collection) -> None:
    fill(collection, {"a.jpg": image_file(1, SIZE), "b.jpg": image_file(2, SIZE)})
    run(collection)
    (collection.pictures / "b.jpg").rename(collection.rejected / "b.jpg")
    assert list(run(collection).kept) == ["a.jpg"]
    assert names(collection.rejected) == {"b.jpg"}


def test_images_are_judged_once(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(collection, {"a.jpg": image_file(1, SIZE), "b.jpg": image_file(2, (20, 20))})
    first = run(collection)
    monkeypatch.setattr("cinegan_jax.collect.clean.judge", None)
    assert run(collection) == first


def test_a_changed_image_is_judged_again(collection: Collection) -> None:
    fill(collection, {"a.jpg": image_file(1, SIZE)})
    run(collection)
    fill(collection, {"a.jpg": b"broken now"})
    with collection.judged.open("a") as file:
        file.write('{"file": "torn')
    assert list(run(collection).kept) == []
    assert reasons(collection) == {"a.jpg": "broken"}


@pytest.mark.parametrize("moves", range(4))
def test_a_stop_between_moves_loses_nothing(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """Stop after each number of moves, with images to move both ways."""
    files = {f"{n}.jpg": image_file(n, (100 + 20 * n, 150)) for n in range(6)}
    fill(collection, files)
    run(collection, least_side=150)
    small = {f"small {n}.jpg": image_file(n, (50, 50)) for n in range(2)}
    fill(collection, small)
    done: list[Path] = []
    rename = Path.rename

    def stopping(self: Path, target: Path) -> Path:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(self)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(collection, least_side=120)
    assert run(collection, least_side=120) == run(collection, least_side=120)
    fresh = Collection(collection.folder / "fresh")
    fill(fresh, files | small)
    run(fresh, least_side=120)
    for folder in ("pictures", "rejected"):
        assert names(getattr(collection, folder)) == names(getattr(fresh, folder))
    assert reasons(collection) == reasons(fresh)


def test_two_images_with_one_name_are_an_error(collection: Collection) -> None:
    fill(collection, {"a.jpg": image_file(1, (20, 20)), "b.jpg": image_file(2, SIZE)})
    run(collection)
    shutil.copy(collection.rejected / "a.jpg", collection.pictures / "a.jpg")
    with pytest.raises(UserError, match=r"a\.jpg is in .* and in .*: remove one"):
        run(collection)


def test_an_empty_collection_is_an_error(collection: Collection) -> None:
    with pytest.raises(UserError, match="collect download"):
        run(collection)


def _saved(folder: Path, content: bytes) -> Path:
    path = folder / "plain.jpg"
    path.write_bytes(content)
    return path


def test_an_image_that_crashes_its_decoder_is_rejected(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    crashing = ("probe_crash.jpg", "decode_crash.jpg")
    fill(collection, {"plain.jpg": PLAIN, **dict.fromkeys(crashing, PLAIN)})
    assert list(run(collection).kept) == ["plain.jpg"]
    assert reasons(collection) == dict.fromkeys(crashing, "broken")
