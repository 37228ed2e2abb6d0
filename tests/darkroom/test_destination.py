from pathlib import Path

import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.destination import (
    Destination,
    choose_destination,
    choose_format,
    require_writable,
)
from cinegan_jax.darkroom.find import FoundPhoto
from cinegan_jax.darkroom.names import NameTemplate

TEMPLATE = NameTemplate()
PHOTO = FoundPhoto(Path("trip/day 1/IMG.v2.JPG"), Path("day 1"))


def test_results_go_beside_photos_or_keep_their_subfolders() -> None:
    beside, plain = Destination(None), Destination(Path("out"), NameTemplate("{stem}"))
    assert beside.of(PHOTO, "x", ".jpg") == Path("trip/day 1/IMG.v2_x.jpg")
    assert plain.of(PHOTO, "x", ".tif") == Path("out/day 1/IMG.v2.tif")


def test_output_is_a_file_or_a_folder(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    (tmp_path / "album.png").mkdir()

    def chosen(output: str) -> Destination:
        return choose_destination(output, [photo], TEMPLATE, ["x"])

    assert chosen("out").folder == Path("out")
    assert chosen("new/out.png") == Destination(Path("new"), TEMPLATE, Path("new/out.png"))
    assert chosen("out.jpg/").folder == Path("out.jpg")
    assert chosen(str(tmp_path / "album.png")).file is None
    assert choose_destination(None, [photo], TEMPLATE, ["x"]).folder is None


@pytest.mark.parametrize(
    ("output", "template", "text"),
    [
        ("out.png", "{stem}", "out.png is one file; for several photos give a folder"),
        ("notes.txt", "{stem}", "is one file"),
        ("out", "/../x", "'/../x' cannot be part of a file name"),
    ],
)
def test_an_impossible_output_is_named(
    output: str, template: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").touch()
    with pytest.raises(UserError, match=text):
        choose_destination(output, [Path("a.jpg"), Path("b.jpg")], NameTemplate(template), ["x"])


def test_a_file_that_is_not_a_photo_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="exists and is not a photo: give another name or folder"):
        choose_destination(str(tmp_path / "notes.txt"), [Path("a.jpg")], TEMPLATE, ["x"])


def test_the_suffix_of_the_output_selects_the_format() -> None:
    def named(name: str, asked: str | None = None) -> str | None:
        return choose_format(Destination(Path(), TEMPLATE, Path(name)), asked)

    assert (named("a.JPEG"), named("a.tif"), named("a.tiff", "tiff")) == ("jpeg", "tiff", "tiff")
    assert choose_format(Destination(None), "webp") == "webp"
    with pytest.raises(UserError, match=r"a\.png would be jpeg: use a name that ends with \.jpg"):
        named("a.png", "jpeg")
    with pytest.raises(UserError, match=r"a\.cr2 would be in a read-only format"):
        named("a.cr2")


def test_folders_are_created_or_refused(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/sub cannot be written: Not a directory; give"):
        require_writable(tmp_path / "file" / "sub")
