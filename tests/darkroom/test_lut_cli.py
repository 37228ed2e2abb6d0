"""`cinegan lut` as a photographer uses it."""

import re
import shutil
from pathlib import Path

import crashing_desk
import jax
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.darkroom.lut import fit_look_lut
from cinegan_jax.film.lut_files import read_lut
from cinegan_jax.inference import lut_fit
from cinegan_jax.inference.look import Look, NetworkLook, load_look
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.metrics.delta_e import delta_e_2000
from cinegan_jax.nets.res_unet import ResUnetGenerator
from cinegan_jax.ops.lut import apply_lut, identity_lut
from cinegan_jax.photos import photo_process

SUMMARY = re.compile(
    r"look\.\w+: tiny, (\d+) nodes per axis, fitted to (\d+) photos\.\n"
    r"Mean delta E 2000 from the look on (\d+) other photos: LUT (\S+) "
    r"\(95th percentile (\S+)\), unchanged photos (\S+) \(95th percentile (\S+)\)\.\n"
)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _small_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"FIT_SIZE": 9, "PIXELS": 20_000, "LONG_SIDE": 96, "SHORT_SIDE": 64}
    for name, value in small.items():
        monkeypatch.setattr(lut_fit, name, value)


@pytest.fixture
def look(rng: np.random.Generator) -> Look:
    """Return a look that changes colours, slightly depending on their surroundings."""
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=True, colour_path=4)
    params = generator.init(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))["params"]
    kernels = jax.tree.map(lambda x: x + 0.03 * rng.normal(size=x.shape).astype(np.float32), params)
    return NetworkLook("tiny", generator, kernels)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Write six smooth images, two of them in a subfolder, and a broken one."""
    folder = tmp_path / "my photos"
    (folder / "more").mkdir(parents=True)
    for name in ["a", "b", "c", "d", "more/e", "more/f"]:
        small = Image.fromarray(rng.integers(0, 255, (8, 12, 3), np.uint8))
        small.resize((300, 200), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    (folder / "broken.jpg").write_bytes(b"not an image")
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["lut", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_command(tmp_path: Path, look: Look, photos: Path) -> None:
    write_look(look, tmp_path / "tiny.safetensors")
    output = tmp_path / "look.cube"
    code, said, _ = run(
        "--weights", tmp_path / "tiny.safetensors", "-o", output, "--photos", photos, "--size", 17
    )
    assert code == 0
    size, fitted, held_out, mean, high, untouched, _ = map(float, SUMMARY.search(said).groups())
    assert (size, fitted, held_out) == (17, 4, 2)
    assert 0 < mean < high
    assert mean < untouched
    assert read_lut(output).table().shape == (17, 17, 17, 3)
    assert "# Input and output are sRGB-encoded.\nLUT_3D_SIZE 17\n" in output.read_text()


def test_the_written_lut_is_a_look_with_the_printed_error(
    tmp_path: Path, look: Look, photos: Path
) -> None:
    """Developed with the file, the held-out photos differ from the look by what was printed."""
    write_look(look, tmp_path / "tiny.safetensors")
    output = tmp_path / "look.cube"
    _, said, _ = run(
        "--weights", tmp_path / "tiny.safetensors", "-o", output, "--photos", photos, "--size", 33
    )
    printed = float(SUMMARY.search(said)[4])
    held_out = lut_fit.read_photos([photos / "a.png", photos / "more" / "f.png"])
    lut_look, develop = (
        load_look(output),
        lut_fit.make_develop(load_look(tmp_path / "tiny.safetensors")),
    )
    scores = [
        delta_e_2000(lut_look(photo / np.float32(255))[None], develop(photo)[None])[0]
        for photo in held_out
    ]
    assert np.mean(scores) == pytest.approx(printed, abs=0.006)
    code, said, _ = run("--look", output, "-o", tmp_path / "again.cube", "--photos", photos)
    assert code == 0
    assert "again.cube: look, 33 nodes per axis, resampled." in said
    found = read_lut(tmp_path / "again.cube").table()
    np.testing.assert_allclose(found, read_lut(output).table(), atol=1e-6)


def test_the_suffix_png_selects_a_hald(tmp_path: Path, look: Look, photos: Path) -> None:
    write_look(look, tmp_path / "tiny.safetensors")
    output = tmp_path / "look.png"
    code, said, _ = run(
        "--weights", tmp_path / "tiny.safetensors", "-o", output, "--photos", photos
    )
    assert code == 0
    assert SUMMARY.search(said)
    assert read_lut(output).table().shape == (64, 64, 64, 3)


def test_the_printed_differences_are_correct(look: Look, photos: Path) -> None:
    """Compare with the metric on the first and the last photo, which are held out."""
    table = fit_look_lut(look, 9, photos)
    develop = lut_fit.make_develop(look)
    held_out = lut_fit.read_photos([photos / "a.png", photos / "more" / "f.png"])
    for lut, found in [(table.lut, table.error), (identity_lut(2), table.unchanged)]:
        scores = [
            delta_e_2000(apply_lut(lut, photo[None] / np.float32(255)), develop(photo)[None])[0]
            for photo in held_out
        ]
        assert found.mean == pytest.approx(np.mean(scores), rel=1e-4)


def test_strength_0_is_the_identity(look: Look, photos: Path) -> None:
    table = fit_look_lut(look, 9, photos, strength=0.0)
    np.testing.assert_allclose(table.lut, identity_lut(9), atol=1e-4)
    assert table.error.percentile_95 < 0.02


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--size", "20"], "--size 20: nodes per axis for --format cube are 17, 33, 65"),
        (
            ["--format", "hald", "--size", "33"],
            "--size 33: nodes per axis for --format hald are 64",
        ),
        (
            ["-o", "look.txt"],
            "--output look.txt: the file needs the suffix .cube, or .png for a Hald",
        ),
        (["-o", "look.png", "--format", "cube"], "look.png: the file needs the suffix .cube"),
        (["-o", "nowhere/look.cube"], "--output nowhere/look.cube: no such folder"),
        (["-o", "folder.cube"], "--output folder.cube: is a folder"),
        (["--strength", "2"], "strength 2.0 is not between 0 and 1.5"),
        (["--look", "none"], "look 'none' is not one of"),
        (["--photos", "nowhere"], "--photos nowhere is not a folder"),
        (["--photos", "folder.cube"], "--photos folder.cube has 0 readable photos"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.cube").mkdir()
    code, _, said = run(*arguments)
    assert code == 2
    assert says in said
    assert [path.name for path in tmp_path.iterdir()] == ["folder.cube"]


def test_a_photo_that_crashes_its_decoder_is_left_out(
    look: Look, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = fit_look_lut(look, 9, photos)
    monkeypatch.setattr(photo_process, "_Desk", crashing_desk.CrashingDesk)
    shutil.copy(photos / "a.png", photos / "decode_crash.png")
    found = fit_look_lut(look, 9, photos)
    assert (found.fitted, found.held_out) == (wanted.fitted, wanted.held_out)
