"""Looks from and to files: look files, workdirs, LUTs and exports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime
import pytest
from etils import epath

import cinegan_jax as cinegan
from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom import lut as darkroom_lut
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.lut_files import read_lut
from cinegan_jax.inference import look_lut
from cinegan_jax.inference.look import Look, NetworkLook
from cinegan_jax.nets.res_unet import ResUnetGenerator


@pytest.fixture
def look(random_params: Callable[..., Any]) -> Look:
    generator = ResUnetGenerator(width=2, num_blocks=1, residual=True)
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    return NetworkLook("random", generator, random_params(generator, image))


def test_an_export_is_loaded_under_its_own_name(
    look: Look, tmp_path: Path, rng: np.random.Generator
) -> None:
    photo = rng.uniform(size=(16, 24, 3)).astype(np.float32)
    path = look.export(tmp_path / "new" / "mine.safetensors", precision="float32")
    for source in (path, str(path)):
        found = cinegan.load_look(source)
        assert found.name == "mine"
        np.testing.assert_array_equal(found(photo), look(photo))


def test_the_suffix_names_the_format(look: Look, tmp_path: Path, rng: np.random.Generator) -> None:
    path = look.export(tmp_path / "mine.onnx", precision="float32")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    photo = rng.uniform(size=(64, 64, 3)).astype(np.float32)
    (made,) = session.run(None, {"photo": photo.transpose(2, 0, 1)[None]})
    expected = look(photo, method="whole")
    np.testing.assert_allclose(made[0].transpose(1, 2, 0), expected, atol=1e-4)
    with pytest.raises(UserError, match=r"'\.onx' is not one of \.safetensors"):
        look.export(tmp_path / "mine.onx")


def test_a_lut_is_that_of_the_command(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (darkroom_lut, look_lut):
        monkeypatch.setattr(module, "sample_photos", lambda split: sample_photos(split)[:2])
    lut = look.lut(size=9, strength=0.5)
    np.testing.assert_array_equal(lut.table, darkroom_lut.fit_look_lut(look, 9, strength=0.5).lut)
    path = lut.save(tmp_path / "mine.cube")
    np.testing.assert_allclose(read_lut(path).table(), lut.table, atol=1e-6)
    assert "the look random at strength 0.5" in path.read_text()
    lut.save(tmp_path / "mine.png")  # a HaldCLUT of level 3 has 9 nodes
    np.testing.assert_allclose(read_lut(tmp_path / "mine.png").table(), lut.table, atol=0.5 / 255)


def test_a_lut_that_cannot_be_fitted_is_named(look: Look, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="size=1 must be 2 to 256"):
        look.lut(size=1)
    with pytest.raises(UserError, match="none of the 1 photos can be read"):
        look.lut(photos=[tmp_path / "none.jpg"])


def test_a_look_in_a_bucket(look: Look, tmp_path: Path, bucket: epath.Path) -> None:
    path = look.export(tmp_path / "mine.safetensors", precision="float32")
    (bucket / "mine.safetensors").write_bytes(path.read_bytes())
    found = cinegan.load_look(f"{bucket}/mine.safetensors")
    photo = np.full((8, 8, 3), 0.5, np.float32)
    np.testing.assert_array_equal(found(photo), look(photo))
    with pytest.raises(UserError, match=r"no look file gs://.*/other\.safetensors"):
        cinegan.load_look(f"{bucket}/other.safetensors")


def test_a_folder_named_as_an_installed_look(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name means the installed look, the path the folder."""
    (tmp_path / "velvia").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    installed, run = cinegan.load_look("velvia"), cinegan.load_look("./velvia")
    assert (installed.generator.width, run.generator.width) == (8, 4)


def test_an_unknown_look_lists_the_installed_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'sepia' is not one of cinema, classic_neg, .*velvia"):
        cinegan.load_look("sepia")
    with pytest.raises(UserError, match=r"no config\.json"):
        cinegan.load_look(tmp_path)
