"""Presets: written, read, and weaker than the options that are given."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from cinegan_jax.darkroom import presets

Apply = Callable[..., Result]
WritePhoto = Callable[..., Path]


def test_a_saved_preset_repeats_a_run(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo, preset = write_photo(tmp_path / "a.png"), tmp_path / "my.json"
    options = ("--look", "velvia", "--strength", 0, "--grain", 2, "--format", "webp")
    first, second, third = (tmp_path / name for name in ("1", "2", "3"))
    saved = apply(photo, "-o", first, *options, "--resize", "20", "--save-preset", preset)
    assert saved.exit_code == 0, saved.output
    assert apply(photo, "-o", second, "--preset", preset).exit_code == 0
    made = first / "a_velvia.webp"
    assert made.read_bytes() == (second / "a_velvia.webp").read_bytes()
    assert json.loads(preset.read_text())["grain"] == 2
    given = ("--format", "png", "--look", "cinema", "--suffix", "_x")
    assert apply(photo, "-o", third, *given, "--preset", preset).exit_code == 0
    with Image.open(third / "a_x.png") as image:
        assert image.size == (20, 14)


def test_a_given_look_wins_over_the_weights_of_a_preset(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, tiny_look: Path
) -> None:
    photo, preset = write_photo(tmp_path / "a.png"), tmp_path / "my.json"
    preset.write_text(json.dumps({"weights": str(tiny_look), "strength": 0, "suffix": "_s"}))
    assert apply(photo, "--preset", preset).exit_code == 0
    given = ("--look", "velvia", "--name", "{stem} {look}")
    assert apply(photo, "--preset", preset, *given).exit_code == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"a.png", "a_s.png", "a velvia.png"}


def test_a_developed_photo_is_a_preset(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = write_photo(tmp_path / "a.jpg", 64, 48)
    options = ("--look", "velvia", "--strength", 0, "--grain", 3)
    assert apply(photo, "-o", tmp_path / "b.jpg", *options).exit_code == 0
    again = apply(photo, "-o", tmp_path / "c.jpg", "--preset", tmp_path / "b.jpg")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "c.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    result = apply(photo, "--preset", photo)
    assert (result.exit_code, "nor a photo that cinegan developed" in result.stderr) == (2, True)


def test_a_look_file_is_found_from_any_folder_and_asked_for_by_a_photo(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preset names the file relative to itself; a photo holds the look's name alone."""
    photo = write_photo(tmp_path / "a.jpg", 64, 48)
    (tmp_path / "mine").mkdir()
    rows = [f"{r} {g} {b}" for b in (0.1, 0.8) for g in (0, 1) for r in (0, 0.9)]
    (tmp_path / "mine" / "warm.cube").write_text("\n".join(["LUT_3D_SIZE 2", *rows]))
    monkeypatch.chdir(tmp_path)
    saved = apply(
        "a.jpg", "-o", "b.jpg", "--look", "mine/warm.cube", "--save-preset", "mine/p.json"
    )
    assert saved.exit_code == 0, saved.output
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = apply(photo, "-o", tmp_path / "c.jpg", "--preset", "../mine/p.json")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "c.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    result = apply(photo, "-o", "d.jpg", "--preset", tmp_path / "b.jpg")
    assert (result.exit_code, "b.jpg: look 'warm' is not one of" in result.stderr) == (2, True)
    given = ("--look", tmp_path / "mine" / "warm.cube", "--preset", tmp_path / "b.jpg")
    assert apply(photo, "-o", "d.jpg", *given).exit_code == 0
    assert (tmp_path / "elsewhere" / "d.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"look": ', "is no preset"),
        ('{"lok": "velvia"}', "unknown option 'lok'; known: look, weights"),
        ('{"output": "x"}', "unknown option 'output'"),
        ('{"strength": "strong"}', "Invalid value for '--strength'"),
        ('{"strength": [1]}', "strength is [1], which is no value"),
        ('{"look": {"a": 1}}', "which is no value"),
        ('{"strength": 7}', "strength 7.0 is not between 0 and 1.5"),
        ('{"look": "kodak"}', "look 'kodak' is not one of"),
        ("[" * 50_000, "not an image"),
        ('{"a":' * 15_000, "is no preset"),
    ],
)
def test_a_preset_that_cannot_be_used_is_named(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, text: str, message: str
) -> None:
    preset = tmp_path / "my.json"
    preset.write_text(text)
    result = apply(write_photo(tmp_path / "a.png"), "--preset", preset)
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True), result.output
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_a_missing_preset_is_named(apply: Apply, tmp_path: Path) -> None:
    result = apply("a.png", "--preset", tmp_path / "none.json")
    assert (result.exit_code, "none.json: no such file" in result.stderr) == (2, True)


def test_options_without_a_value_are_left_out(tmp_path: Path) -> None:
    presets.write_preset(tmp_path / "p.json", {"quality": None, "look": ["é"]})
    assert json.loads((tmp_path / "p.json").read_text()) == {"look": ["é"]}
