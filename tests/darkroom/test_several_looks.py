"""Several looks in one run: one decoding, a result for each look; sizes; standard streams."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import crashing_desk
import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.photos import photo_process

Apply = Callable[..., Result]
WritePhoto = Callable[..., Path]
LOOKS = ("--look", "velvia", "--look", "cinema", "--strength", 0)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_look_gives_a_result(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    for name in "ab":
        write_photo(tmp_path / "in" / f"{name}.png")
    command = (tmp_path / "in", "-o", tmp_path / "out", *LOOKS)
    assert "4 developed, 0 skipped, 0 failed" in apply(*command).stdout
    made = {f"{name}_{look}.png" for name in "ab" for look in ("velvia", "cinema")}
    assert names(tmp_path / "out") == made
    (tmp_path / "out" / "b_cinema.png").unlink()
    assert "1 developed, 3 skipped, 0 failed" in apply(*command).stdout
    assert names(tmp_path / "out") == made


def test_results_beside_photos_are_not_developed_again(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    write_photo(tmp_path / "a.png")
    command = (tmp_path, *LOOKS, "--name", "{look}-{strength} {stem}")
    assert "2 developed" in apply(*command).stdout
    assert names(tmp_path) == {"a.png", "velvia-0 a.png", "cinema-0 a.png"}
    assert "0 developed, 4 skipped, 0 failed" in apply(*command).stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("-o", "b.png"), "b.png is one file; for several looks give a folder"),
        (("--suffix", "_x"), "add {look} to --name"),
        (("--resize", "big"), "--resize 'big' is no size"),
        (("--name", "a", "--suffix", "b"), "exclude each other"),
    ],
)
def test_wrong_combinations_are_named(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    result = apply(write_photo(tmp_path / "a.png"), *LOOKS, *arguments)
    assert (result.exit_code, names(tmp_path)) == (2, {"a.png"})
    assert text in result.stderr


def test_a_photo_that_fails_is_named_once(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    shutil.copy(write_photo(tmp_path / "in" / "a.png"), tmp_path / "in" / "read_crash.png")
    result = apply(tmp_path / "in", "-o", tmp_path / "out", *LOOKS)
    assert "2 developed, 0 skipped, 1 failed" in result.stdout
    assert "not tried" not in result.stdout


def test_results_are_resized(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png", 40, 28)
    for size, made in {"20": (20, 14), "50%": (20, 14), "10x7": (10, 7), "80": (40, 28)}.items():
        command = ("--strength", 0, "--resize", size, "--overwrite", "-o", tmp_path / "b.png")
        assert apply(photo, *command).exit_code == 0
        with Image.open(tmp_path / "b.png") as image:
            assert image.size == made
    assert apply(photo, *command, "--enlarge").exit_code == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.size == (80, 56)


def through(arguments: list[object], given: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["apply", *map(str, arguments)], input=given)


def test_a_photo_goes_from_standard_input_to_standard_output(
    write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "a.png")
    result = through(["-", "-o", "-", "--strength", 0], photo.read_bytes())
    assert result.exit_code == 0
    with Image.open(io.BytesIO(result.stdout_bytes)) as made, Image.open(photo) as image:
        assert made.format == "PNG"
        np.testing.assert_array_equal(made, image)
    assert "1 developed" in result.stderr
    result = through([photo, "-o", "-", "--strength", 0, "--format", "webp"])
    assert Image.open(io.BytesIO(result.stdout_bytes)).format == "WEBP"
    result = through(["-", "-o", tmp_path / "b.jpg", "--strength", 0], photo.read_bytes())
    assert "1 developed" in result.stdout
    assert names(tmp_path) == {"a.png", "b.jpg"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-"], "needs -o FILE, -o FOLDER or -o -"),
        (["-", "a.png", "-o", "-"], "- stands for a single photo"),
        ([".", "-o", "-"], "- stands for a single photo"),
    ],
)
def test_wrong_uses_of_streams_are_named(arguments: list[str], text: str) -> None:
    result = through(arguments, b"")
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr


def test_a_bad_photo_prints_nothing_on_standard_output() -> None:
    result = through(["-", "-o", "-"], b"no photo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not an image of a supported format" in result.stderr


def test_the_sheet_holds_the_photo_and_every_look(
    write_photo: WritePhoto, tmp_path: Path, tiny_look: Path
) -> None:
    photo, sheet = write_photo(tmp_path / "a.png", 960, 640), tmp_path / "sheet.png"
    command = ["looks", "--sheet", str(photo), "-o", str(sheet), "--strength", "0"]
    result = CliRunner().invoke(app, [*command, "--look", str(tiny_look), "--look", "velvia"])
    assert result.exit_code == 0, result.output
    assert f"{sheet}: 2 looks" in result.stdout
    with Image.open(sheet) as image:
        assert image.size == (3 * 480 + 4 * 8, 320 + 28 + 2 * 8)
        pixels = np.asarray(image)
    first, second, third = (pixels[36:356, 8 + n * 488 :][:, :480] for n in range(3))
    np.testing.assert_array_equal(first, second)  # at strength 0
    np.testing.assert_array_equal(first, third)
    result = CliRunner().invoke(app, ["looks", "--sheet", str(photo), "-o", str(photo)])
    assert (result.exit_code, "is the photo itself" in result.stderr) == (2, True)
