"""A LUT as a look: applied to every pixel, and exported like any other look."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_files import run_onnx, run_stablehlo
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

import cinegan_jax as cinegan
from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut_files import write_lut
from cinegan_jax.inference import look_up
from cinegan_jax.inference.develop import Settings, develop
from cinegan_jax.inference.look import Look, LutLook
from cinegan_jax.inference.look_file import read_look
from cinegan_jax.ops.lut import identity_lut


@pytest.fixture
def table(rng: np.random.Generator) -> np.ndarray:
    return rng.random((5, 5, 5, 3), np.float32)


@pytest.fixture
def look(table: np.ndarray, tmp_path: Path) -> Look:
    write_lut(tmp_path / "Mine.CUBE", table)
    return cinegan.load_look(tmp_path / "Mine.CUBE")


def interpolated(table: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Apply a table to unit floats with SciPy."""
    axis = np.linspace(0, 1, len(table))
    return RegularGridInterpolator((axis, axis, axis), table)(photo)


@pytest.mark.parametrize("strength", [0.4, 1.0, 1.5])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_lut_is_applied_to_every_pixel(
    look: Look, table: np.ndarray, rng: np.random.Generator, strength: float, kind: Any
) -> None:
    white = np.iinfo(kind).max if np.dtype(kind).kind == "u" else 1
    photo = (rng.random((37, 53, 3)) * white).astype(kind)
    found = develop(photo, look, Settings(strength=strength)).astype(np.float64) / white
    unit = photo / np.float64(white)
    expected = np.clip(unit + strength * (interpolated(table, unit) - unit), 0, 1)
    assert np.abs(found - expected).max() <= {1: 1e-5, 255: 1.0 / 255, 65535: 1 / 65535}[white]


def test_any_width_and_height(
    look: Look, table: np.ndarray, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows longer than a chunk, and bands whose last one is shorter."""
    monkeypatch.setattr(look_up, "_CHUNK", 64)
    for shape in ((3, 150, 3), (150, 3, 3), (1, 1, 3), (9, 64, 3)):
        photo = rng.random(shape, np.float32)
        shares: list[float] = []
        found = develop(photo, look, Settings(), shares.append)
        np.testing.assert_allclose(found, interpolated(table, photo), atol=1e-5)
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_the_name_is_that_of_the_file(look: Look, tmp_path: Path) -> None:
    assert isinstance(look, LutLook)
    assert look.name == "Mine"
    with pytest.raises(UserError, match=r"no look file .*other\.cube"):
        cinegan.load_look(tmp_path / "other.cube")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"notes\.txt: '\.txt' is not the suffix of a look file"):
        cinegan.load_look(tmp_path / "notes.txt")


def test_a_grey_table_leaves_greys_in_spite_of_dither_and_grain(
    table: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    write_lut(tmp_path / "grey.cube", np.repeat(table[..., :1], 3, axis=-1))
    look = cinegan.load_look(tmp_path / "grey.cube")
    assert look.monochrome
    photo = rng.integers(0, 256, (40, 60, 3), np.uint8)
    for settings in (Settings(), Settings(grain=2.0), Settings(strength=1.4, grain=1.0)):
        found = develop(photo, look, settings)
        assert (found == found[..., :1]).all()
        assert found.std() > 5
    half = develop(photo, look, Settings(strength=0.5))
    assert not (half == half[..., :1]).all()


def test_a_lut_comes_back_from_every_export(
    look: Look, table: np.ndarray, tmp_path: Path, rng: np.random.Generator
) -> None:
    photos = rng.random((1, 8, 16, 3), np.float32)
    expected = interpolated(table, photos)
    for form, run in (("onnx", run_onnx), ("stablehlo", run_stablehlo)):
        file = look.export(tmp_path / f"Again.{form}", precision="float32")
        np.testing.assert_allclose(run(file.read_bytes(), photos), expected, atol=1e-5)
    file = look.export(tmp_path / "Again.safetensors", precision="float32")
    again = read_look(file)
    assert again.name == "Again"
    np.testing.assert_array_equal(again(photos[0]), look(photos[0]))
    for name in ("again.cube", "again.png"):
        saved = cinegan.load_look(look.lut(25).save(tmp_path / name))
        np.testing.assert_allclose(saved(photos[0]), expected[0], atol=0.06)


def test_a_pillow_image(look: Look, table: np.ndarray) -> None:
    image = Image.new("RGBA", (9, 7), (128, 30, 200, 77))
    found = look(image)
    assert (found.mode, found.size, found.getpixel((0, 0))[3]) == ("RGBA", (9, 7), 77)
    expected = interpolated(table, np.array([128, 30, 200]) / 255)[0] * 255
    np.testing.assert_allclose(found.getpixel((4, 4))[:3], expected, atol=1.01)


def test_an_identity_changes_no_level(tmp_path: Path, rng: np.random.Generator) -> None:
    write_lut(tmp_path / "id.cube", identity_lut(33))
    photo = rng.integers(0, 65536, (30, 30, 3), np.uint16)
    found = cinegan.load_look(tmp_path / "id.cube")(photo)
    np.testing.assert_array_equal(found, photo)


def test_curves_before_a_table(tmp_path: Path, rng: np.random.Generator) -> None:
    """Photos go through both at full precision; a table of 65 nodes stands for them in exports."""
    curve = np.linspace(0, 1, 17) ** 0.5
    rows = [
        *np.repeat(curve[:, None], 3, axis=1),
        *identity_lut(2).transpose(2, 1, 0, 3).reshape(-1, 3),
    ]
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    (tmp_path / "shaper.cube").write_text(f"LUT_1D_SIZE 17\nLUT_3D_SIZE 2\n{text}\n")
    look = cinegan.load_look(tmp_path / "shaper.cube")
    photo = rng.random((8, 8, 3), np.float32)
    expected = np.interp(photo, np.linspace(0, 1, 17), curve)
    np.testing.assert_allclose(look(photo), expected, atol=1e-5)
    program = look.export(tmp_path / "a.onnx", precision="float32").read_bytes()
    np.testing.assert_allclose(run_onnx(program, photo[None])[0], expected, atol=0.02)
    program = look.export(tmp_path / "a.stablehlo", precision="float32").read_bytes()
    np.testing.assert_allclose(run_stablehlo(program, photo[None])[0], expected, atol=1e-5)
