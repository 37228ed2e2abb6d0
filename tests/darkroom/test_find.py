import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cinegan_jax.darkroom.find import FoundPhoto, PhotoSearch, results_beside_photos
from cinegan_jax.darkroom.names import NameTemplate
from cinegan_jax.darkroom.outcomes import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create empty files with names of photos, some in subfolders, and other files."""
    names = ("b.jpg", "a.CR2", "notes.txt", "._a.jpg", ".trash/c.jpg", "in/d.png", "in/deep/e.tif")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def found(search: PhotoSearch, *given: Path) -> list[Path]:
    return [entry.path for entry in search.photos(given) if isinstance(entry, FoundPhoto)]


def left_out(search: PhotoSearch, *given: Path) -> list[tuple[str, str, str]]:
    entries = (entry for entry in search.photos(given) if isinstance(entry, Outcome))
    return [(entry.photo.name, entry.status, entry.reason) for entry in entries]


def test_a_folder_gives_its_photos_sorted_and_without_hidden_ones(folder: Path) -> None:
    assert found(PhotoSearch(), folder) == [folder / "a.CR2", folder / "b.jpg"]
    assert left_out(PhotoSearch(), folder) == []


def test_photos_are_found_by_content_and_other_files_are_counted(
    folder: Path, write_photo: Callable[..., Path]
) -> None:
    for name in ("c.HIF", "d", "e.jfif"):
        write_photo(folder / "photo.jpg").rename(folder / name)
    for name in ("a.xmp", "b.XMP", "c.THM", "d.txt", "e"):
        (folder / name).write_text("no photo")
    search = PhotoSearch()
    assert [path.name for path in found(search, folder)] == [
        *("a.CR2", "b.jpg", "c.HIF", "d", "e.jfif")
    ]
    assert search.left_out == {
        "a file that belongs to a photo": {".xmp": 2, ".thm": 1},
        "not an image of a supported format": {".txt": 1, "": 1},
        "an empty file": {".txt": 1},
    }


def test_a_result_of_a_photo_without_an_ending_is_left_out(
    folder: Path, write_photo: Callable[..., Path]
) -> None:
    for name in ("z", "z_velvia"):
        write_photo(folder / "photo.jpg").rename(folder / name)
    search = PhotoSearch(is_result=results_beside_photos([NameTemplate().pattern("velvia")]))
    assert folder / "z" in found(search, folder)
    assert folder / "z_velvia" not in found(search, folder)


def test_photos_in_subfolders_keep_their_subfolder(folder: Path) -> None:
    entries = list(PhotoSearch(recursive=True).photos([folder]))
    assert entries == [
        FoundPhoto(folder / "a.CR2"),
        FoundPhoto(folder / "b.jpg"),
        FoundPhoto(folder / "in" / "d.png", Path("in")),
        FoundPhoto(folder / "in" / "deep" / "e.tif", Path("in", "deep")),
    ]


def test_given_files_are_taken_whatever_their_names(folder: Path) -> None:
    given = [folder / "notes.txt", folder / "._a.jpg"]
    assert found(PhotoSearch(), *given) == given


def test_a_photo_is_found_once(folder: Path) -> None:
    (folder / "link.jpg").symlink_to("b.jpg")
    given = [folder / "b.jpg", folder, folder / "in" / ".." / "b.jpg"]
    assert found(PhotoSearch(), *given) == [folder / "b.jpg", folder / "a.CR2"]
    same = f"the same file as {folder / 'b.jpg'}"
    assert left_out(PhotoSearch(), *given) == [
        ("b.jpg", "skipped", same),
        ("link.jpg", "skipped", same),
        ("b.jpg", "skipped", same),
    ]


def test_a_link_from_outside_is_followed(folder: Path) -> None:
    (folder / "album").mkdir()
    (folder / "album" / "best.jpg").symlink_to(folder / "in" / "d.png")
    (folder / "album" / "in").symlink_to(folder / "in")
    search = PhotoSearch(recursive=True)
    assert found(search, folder / "album") == [
        folder / "album" / "best.jpg",
        folder / "album" / "in" / "deep" / "e.tif",
    ]


def test_circular_links_end(folder: Path) -> None:
    (folder / "in" / "deep" / "up").symlink_to(folder)
    (folder / "in" / "self").symlink_to("self")
    (folder / "self.jpg").symlink_to("self.jpg")
    search = PhotoSearch(recursive=True)
    assert len(found(search, folder)) == 4
    assert left_out(PhotoSearch(recursive=True), folder) == [("self.jpg", "failed", "no such file")]


def test_the_output_folder_is_not_entered(folder: Path) -> None:
    search = PhotoSearch(recursive=True, output=folder / "in" / "deep")
    assert folder / "in" / "deep" / "e.tif" not in found(search, folder)
    given = PhotoSearch(recursive=True, output=folder)
    assert len(found(given, folder)) == 4


def test_other_kinds_of_files_are_reported(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    search = PhotoSearch()
    assert left_out(search, folder / "missing.jpg", folder) == [
        ("missing.jpg", "failed", "no such file"),
        ("gone.jpg", "failed", "no such file"),
        ("pipe.jpg", "failed", "neither a file nor a folder"),
    ]


def test_results_beside_their_photos_are_left_out(folder: Path) -> None:
    for name in ("b_velvia.jpg", "b_own.png", "z_velvia.jpg", "velvia.jpg", "_velvia.jpg"):
        (folder / name).touch()
    is_result = results_beside_photos(
        [NameTemplate(text).pattern("velvia") for text in ("{stem}_own", "{stem}_{look}", "{stem}")]
    )
    names = [path.name for path in found(PhotoSearch(is_result=is_result), folder)]
    assert names == ["_velvia.jpg", "a.CR2", "b.jpg", "velvia.jpg", "z_velvia.jpg"]


def test_photos_are_listed_lazily(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}.jpg").touch()
    photos = PhotoSearch().photos([tmp_path])
    assert next(photos) == FoundPhoto(tmp_path / "0000.jpg")
    assert sum(1 for _ in photos) == 999


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_reported(folder: Path) -> None:
    (folder / "in").chmod(0)
    assert left_out(PhotoSearch(recursive=True), folder)[0][1] == "failed"


def test_a_folder_that_cannot_be_listed_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Callable:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    reason = "the folder cannot be read: Permission denied"
    assert left_out(PhotoSearch(), folder) == [(folder.name, "failed", reason)]
